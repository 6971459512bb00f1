package redaction

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxNameWord bounds a word of a name in bytes, maxNameWords their number.
const (
	maxNameWord  = 32
	maxNameWords = 4
)

// personEnd returns where the name of a person that begins at i ends and of how
// many capitalised words it is made, none if there is no name.
func personEnd(s string, i int) (end, words int) {
	end = i
	for words < maxNameWords {
		next := nameParticles(s, i)
		word := nameWord(s, next)
		if word == next || words == 0 && (notName(s[next:word]) || word-next == 1 && at(s, word) != '.') || words > 0 && endsName(s[next:word]) {
			break
		}
		end = word
		words++
		i = word
		if initial(s, next, word) {
			end, i = word+1, word+1
		}
		if at(s, i) != ' ' {
			break
		}
		i++
	}
	if words == 1 && end-1 > 0 && s[end-1] == '.' {
		return end, 0
	}
	return end, words
}

// initial reports whether s[i:j] is one letter with a dot behind.
func initial(s string, i, j int) bool {
	return at(s, j) == '.' && utf8.RuneCountInString(s[i:j]) == 1
}

// nameParticles steps over words such as van and de la that stand within
// names, if a capital follows.
func nameParticles(s string, i int) int {
	next := i
	for range 3 {
		n := anyFold(s[next:], "van ", "von ", "der ", "den ", "de ", "del ", "della ", "di ", "da ", "dos ", "das ", "du ", "la ", "le ", "al ", "bin ", "ibn ", "ben ",
			"ter ", "ten ", "zu ", "af ", "av ")
		if n == 0 || isUpper(s[next]) {
			break
		}
		next += n
	}
	next += anyFold(s[next:], "al-", "el-", "d'", "d’")
	if next > i && !upperAt(s, next) {
		return i
	}
	return next
}

func upperAt(s string, i int) bool {
	if c := at(s, i); c < utf8.RuneSelf {
		return isUpper(c)
	}
	r, _ := utf8.DecodeRuneInString(s[i:])
	return unicode.IsUpper(r)
}

// nameWord returns where the capitalised word at i ends, i if there is none:
// Ann, Jean-Luc, O'Neill, McDonald, J; no acronyms, no possessive ending.
func nameWord(s string, i int) int {
	if !upperAt(s, i) {
		return i
	}
	end := lettersEnd(s, i, maxNameWord)
	for end-i < maxNameWord {
		joint := strings.HasPrefix(s[end:], "’")
		n := 1
		if joint {
			n = len("’")
		}
		if c := at(s, end); !joint && c != '-' && c != '\'' || !letterStart(s, end+n) || c != '-' && possessive(s, end+n) {
			break
		}
		end = lettersEnd(s, end+n, maxNameWord)
	}
	if isWord(at(s, end)) || acronym(s[i:end]) {
		return i
	}
	return end
}

func letterStart(s string, i int) bool {
	return isLetter(at(s, i)) || at(s, i) >= utf8.RuneSelf && letterAt(s, i)
}

// possessive reports whether what stands behind an apostrophe ends no name: 's,
// 'll, 've, 'm, 're, 'd.
func possessive(s string, i int) bool {
	end := lettersEnd(s, i, 4)
	return end-i <= 2 && isLower(s[i])
}

// acronym reports whether a word of two letters or more has no lower case.
func acronym(w string) bool {
	n := 0
	for _, r := range w {
		if unicode.IsLower(r) {
			return false
		}
		n++
	}
	return n > 1
}

// endsName reports whether a capitalised word behind a name begins something
// else.
func endsName(w string) bool {
	switch w {
	case "I", "And", "But", "Or", "The", "A", "An", "Is", "Was", "Please", "What", "How", "Can", "Could", "Would", "In", "On", "At", "From", "For", "With", "Who", "When", "Where",
		"If", "It", "He", "She", "We", "You", "They", "My", "Your", "His", "Her", "This", "That", "Today", "Tomorrow", "Yesterday", "Phone", "Email", "Tel", "Address", "Date", "Age",
		"Inc", "Ltd", "Corp", "Avenue", "Street", "Road", "Has", "Had", "Will", "To", "By", "As", "So", "Then", "Dear", "Hi", "Hello", "Thanks", "Thank":
		return true
	}
	return false
}

// notName reports whether a capitalised word is not the first of a person's
// name: words that letters and chats begin with, roles, groups, days, machines.
func notName(w string) bool {
	if endsName(w) {
		return true
	}
	switch w {
	case "Sir", "Sirs", "Madam", "Ma", "Mr", "Mrs", "Ms", "Miss", "Dr", "Prof", "Professor", "Doctor", "President", "Vice", "Prime", "Minister", "Senator", "Governor", "Mayor",
		"Judge", "Justice", "Principal", "Chancellor", "Director", "Chair", "Chairman", "Chairperson", "Chief", "Captain", "General", "Officer", "Secretary", "Ambassador",
		"King", "Queen", "Prince", "Princess", "Lord", "Lady", "God", "Jesus", "Santa", "Father", "Mother", "Mom", "Mum", "Dad", "Daddy", "Mommy", "Grandma", "Grandpa", "Brother", "Sister",
		"Supervisor", "Taxpayer", "Taxpayers", "Attendee", "Attendees", "Citizen", "Citizens", "Resident", "Residents", "Homeowner", "Participant", "Participants", "Volunteer", "Volunteers", "Donor", "Donors", "Voter", "Voters", "Sponsor", "Passenger", "Passengers", "Traveler", "Buyer", "Seller", "Owner", "Host", "Coach", "Chef", "Developer", "Developers", "Officers", "Officials", "Leaders", "Followers", "Listeners", "Viewers", "Gamers", "Class", "Classmates", "Cousin", "Uncle", "Aunt", "Son", "Daughter", "Wife", "Husband", "Child", "Children", "Boys", "Girls", "Humans", "Humanity", "Internet", "Reddit", "Twitter", "Kitty", "Team", "All", "Everyone", "Everybody", "Anyone", "Someone", "Folks", "Guys", "Friend", "Friends", "Family", "Colleague", "Colleagues", "Neighbor", "Neighbors", "Neighbour",
		"Customer", "Customers", "Client", "Clients", "Guest", "Guests", "User", "Users", "Member", "Members", "Reader", "Readers", "Student", "Students", "Parent", "Parents",
		"Teacher", "Employee", "Employees", "Employer", "Manager", "Hiring", "Recruiter", "Recruiting", "Recruitment", "Editor", "Editors", "Author", "Landlord", "Tenant", "Applicant",
		"Candidate", "Patient", "Subscriber", "Shareholder", "Shareholders", "Investor", "Investors", "Partner", "Partners", "Board", "Committee", "Admissions", "Human", "Resources",
		"Support", "Service", "Services", "Department", "Office", "Company", "Organization", "Management", "Staff", "Community", "Ladies", "Gentlemen", "Valued", "Esteemed", "Respected",
		"Beloved", "Sweet", "Sweetheart", "Darling", "Honey", "Love", "Babe", "Baby", "Diary", "Journal", "Future", "Past", "Younger", "Prospective", "Fellow", "Fans", "World", "Universe", "America",
		"There", "Again", "Here", "Not", "No", "Yes", "Ok", "Okay", "Sorry", "Just", "Very", "Really", "Also", "Still", "Now", "Going", "Looking", "Trying", "Glad", "Happy", "Sure", "Sad",
		"Ready", "Afraid", "Unable", "Here's", "Only", "Even", "Because", "Since", "While", "Although", "Though", "However", "Well", "Like", "Once", "Both", "Some", "Any", "Many", "One", "Two",
		"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "January", "February", "March", "April", "June", "July", "August", "September", "October", "November", "December",
		"English", "German", "French", "Spanish", "Italian", "Dutch", "American", "British", "Chinese", "Japanese", "Korean", "Indian", "Russian", "Muslim", "Jewish", "Hindu", "Christian", "Catholic",
		"Google", "Microsoft", "Apple", "Amazon", "Facebook", "Meta", "OpenAI", "Anthropic", "ChatGPT", "Chatbot", "Bard", "Bing", "Siri", "Cortana", "Gemini", "Assistant", "Open", "Language", "Artificial",
		"Unknown", "Anonymous", "None", "Null", "True", "False", "N", "TBD", "Insert", "Name", "First", "Last", "Full", "Title", "Subject", "Note", "Example", "Test", "Sample", "Step", "Best",
		"Sehr", "Damen", "Herr", "Frau", "Alle", "Kollegen", "Kolleginnen", "Freunde", "Kunde", "Kundin", "Eltern", "Ihr", "Ihre", "Mes", "Chers", "Monsieur", "Madame", "Señor", "Señora", "Cliente",
		"Wrong", "Right", "Good", "Great", "Maybe", "Whatever", "Crazy", "Old", "New", "Big", "Little", "Smith-Waterman", "Strange", "Emergency", "Customer-Service", "Legal", "Sales", "Marketing",
		"Finance", "Security", "Police", "Poison", "National", "Local", "Technical", "Project", "Product", "Program", "University", "College", "School", "Bank", "City", "State", "Hospital":
		return true
	}
	return false
}

// organisation reports whether a word of the capitalised words w names a group
// rather than a person.
func organisation(w string) bool {
	for f := range strings.FieldsSeq(w) {
		switch strings.TrimSuffix(f, ".") {
		case "Team", "Support", "Service", "Services", "Department", "Dept", "Desk", "Center", "Centre", "Office", "Committee", "Association", "Bank", "University", "College", "School",
			"Hospital", "Clinic", "Inc", "Ltd", "LLC", "Corp", "Corporation", "Company", "Group", "Foundation", "Institute", "Agency", "Hotel", "Inn", "Suites", "Restaurant", "Café", "Cafe",
			"Bar", "Museum", "Tech", "Technologies", "Technology", "Solutions", "Systems", "Software", "Consulting", "Partners", "Holdings", "Industries", "Enterprises", "Media", "Studio", "Studios",
			"Store", "Shop", "Market", "Club", "Society", "Council", "Ministry", "Government", "Police", "Court", "Church", "Park", "Street", "Road", "City", "Town", "County", "Airport", "Station",
			"Project", "Program", "Protocol", "Server", "Library", "Framework", "Model", "Plan", "Policy", "Report", "Number", "Address", "Management", "Manager", "Director", "Kundenservice", "Equipo",
			"Équipe", "Luxury", "Palace", "Resort", "Lodge", "House", "Staff", "Customer", "Member", "Crew", "Resources", "Committee's", "Bot", "AI", "Assistant":
			return true
		}
	}
	return false
}

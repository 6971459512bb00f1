package redaction

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// people recognises names of people where the words before them leave little
// doubt: introductions, titles, letters, relations, fields of forms. A name
// that nothing introduces is not found: that takes a model of the language.
// The default that fits is to replace.
func people() []Detector {
	d := func(name, source string, words []string, find func(*Candidate)) Detector {
		return Detector{Type: "PERSON", Name: name, Source: source, Version: 2, Words: words, WordStart: true, Find: find}
	}
	return []Detector{
		d("person_introduced", "forms of introduction", introductions(), introduced),
		d("person_ideographic", "forms of introduction: zh, ja, ko", ideographicIntroductions(), introducedIdeographic),
		d("person_self", "forms of introduction", []string{"i'm ", "i’m ", "i am ", "this is "}, introducedLoosely),
		d("person_titled", "forms of address", titles(), titled),
		d("person_greeted", "salutations of letters", []string{"dear ", "\nhi ", "hello ", "hey ", "liebe ", "lieber ", "cher ", "chère ", "querido ", "querida ", "estimado ", "estimada ",
			"caro ", "cara ", "beste "}, greeted),
		{Type: "PERSON", Name: "person_greeted_briefly", Source: "salutations of letters", Bytes: ",", Next: "\n\r", Find: greetedBriefly},
		d("person_signed", "complimentary closes of letters", closings(), signed),
		d("person_field", "fields of forms", fieldLabels(), field),
		d("person_asked", "question and answer", []string{"name?", "name on the account?"}, asked),
		d("person_related", "words for relations", relations(), related),
		d("person_contact", "forms of referral", []string{"contact ", "reach out to ", "speak with ", "speak to ", "ask for ", "call "}, referred),
	}
}

// introductions are followed by a name and nothing else.
func introductions() []string {
	return []string{"my name is ", "my name's ", "my name’s ", "his name is ", "her name is ", "my name was ", "his name was ", "her name was ", "maiden name is ",
		"last name is ", "first name is ", "full name is ", "surname is ", "people call me ", "friends call me ", "please call me ", "just call me ",
		"mein name ist ", "ich heiße ", "ich heisse ", "je m'appelle ", "je m’appelle ", "mon nom est ", "me llamo ", "mi nombre es ", "mi chiamo ",
		"il mio nome è ", "ik heet ", "mijn naam is ", "meu nome é ", "me chamo ", "o meu nome é ", "nazywam się ", "mam na imię ", "jag heter ",
		"jeg hedder ", "jeg heter ", "nimeni on ", "jmenuji se ", "numele meu este ", "benim adım ", "меня зовут ", "с уважением, ", "the name's "}
}

func introduced(c *Candidate) {
	start := skipAny(c.Text, c.End, " \"'*_“", 3)
	if end, words := personEnd(c.Text, start); words > 0 {
		c.Add(start, end)
		return
	}
	if hasFold(c.Text[c.Start:], "my name") {
		if end := lowerName(c.Text, start); end > 0 {
			c.Add(start, end)
		}
	}
}

// lowerName returns where a name of one or two words in lower case ends, as
// chats write it: only where the clause ends with it, 0 otherwise.
func lowerName(s string, i int) int {
	end, words := i, 0
	for words < 2 {
		next := lettersEnd(s, end, maxNameWord)
		if next-end < 3 || !lowerCaseName(s[end:next]) {
			break
		}
		end = next
		words++
		if at(s, end) != ' ' || anyFold(s[end:], " and ", " but ", " i ") > 0 {
			break
		}
		end++
	}
	if words == 0 || !(end == len(s) || strings.IndexByte(".,!?\n", s[end]) >= 0 || anyFold(s[end:], " and ", " but ") > 0) {
		return 0
	}
	return end
}

// lowerCaseName reports whether a word in lower case can be a name: it is not
// one that says something about a name.
func lowerCaseName(w string) bool {
	switch w {
	case "not", "the", "very", "too", "also", "spelled", "spelt", "misspelled", "mispelled", "wrong", "incorrect", "correct", "missing", "listed", "unknown",
		"irrelevant", "unimportant", "confidential", "private", "secret", "anonymous", "important", "similar", "different", "pronounced", "written",
		"and", "but", "you", "your", "his", "her", "what", "who", "that", "this", "really", "already", "still", "now", "there", "here", "mentioned",
		"going", "about", "like", "just", "never", "always", "often", "rare", "common", "unique", "hard", "easy", "long", "short", "mine", "mud",
		"appearing", "showing", "used", "being", "required", "included", "removed", "changed", "blank", "empty", "legion":
		return false
	}
	return isLower(w[0]) || w[0] >= utf8.RuneSelf
}

// ideographicIntroductions are those of languages without capital letters.
func ideographicIntroductions() []string {
	return []string{"私の名前は", "わたしの名前は", "僕の名前は", "名前は", "氏名：", "氏名:", "我叫", "我的名字是", "我的名字叫", "我名叫", "姓名：", "姓名:", "제 이름은 ", "저는 ", "이름: "}
}

// maxIdeographicName is the longest name there, in characters.
const maxIdeographicName = 8

// introducedIdeographic reads a name up to what ends it: a copula or a mark of
// punctuation.
func introducedIdeographic(c *Candidate) {
	s, end := c.Text, skipAny(c.Text, c.End, " ", 1)
	start := end
	for n := 0; n <= maxIdeographicName && end < len(s); n++ {
		if n >= 2 && anyFold(s[end:], "です", "と申します", "といいます", "と言います", "。", "，", "、", ",", ".", "\n", "입니다", "이에요", "예요", "라고") > 0 {
			if c.End-c.Start > len("저는 ") || n <= 4 {
				c.Add(start, end)
			}
			return
		}
		r, size := utf8.DecodeRuneInString(s[end:])
		if !unicode.In(r, unicode.Han, unicode.Katakana, unicode.Hangul) && r != '・' && r != 'ー' {
			return
		}
		end += size
	}
}

// introducedLoosely reads a name after "I'm" and "this is": two words or more
// that end a clause, or one after a greeting.
func introducedLoosely(c *Candidate) {
	s := c.Text
	end, words := personEnd(s, c.End)
	if words == 0 || withinWord(s, c.Start) {
		return
	}
	if hasFold(s[c.Start:], "this is ") {
		if anyFold(s[end:], " speaking", " calling", " here.", " here,", " here\n") > 0 || words > 1 && anyFold(s[end:], " from ", " with ") > 0 {
			c.Add(c.End, end)
		}
		return
	}
	ends := end == len(s) || strings.IndexByte(".,!\n", s[end]) >= 0
	switch {
	case words == 1 && !(greetingBefore(s, c.Start) && (ends || anyFold(s[end:], " and ", " from ") > 0) && !demonym(s[c.End:end])):
	case words > 1 && !ends && anyFold(s[end:], " and ", " from ", " with ") == 0:
	case words > 3 || demonym(s[c.End:c.End+len(firstWord(s[c.End:end]))]):
	default:
		c.Add(c.End, end)
	}
}

func firstWord(s string) string {
	first, _, _ := strings.Cut(s, " ")
	return first
}

// greetingBefore reports whether "Hi," or the like ends right before i.
func greetingBefore(s string, i int) bool {
	end := skipBack(s, skipBack(s, i, " \n", 2), ",.!", 2)
	return end < i && sameFold(lastWordBefore(s, end), "hi", "hello", "hey", "greetings", "hallo", "there", "all", "everyone", "morning", "evening", "afternoon")
}

// demonym reports whether a word names a people, faith or trade rather than a
// person, by how it ends.
func demonym(w string) bool {
	if sameFold(w, "ian", "brian", "ryan", "alan", "dylan", "logan", "ethan", "nathan", "jordan", "megan", "susan", "joan", "dan", "jan", "evan", "stan", "juan", "ivan", "sean", "dean", "jean", "adrian", "julian", "damian", "sebastian", "christian", "vivian", "chris", "denis", "luis", "louis", "boris", "alexis", "travis", "curtis", "morris", "iris", "doris", "janis") {
		return false
	}
	for _, end := range [...]string{"an", "ish", "ese", "ist", "ic", "ch", "is", "ing", "ed"} {
		if len(w) > 4 && strings.HasSuffix(w, end) {
			return true
		}
	}
	return false
}

// titles stand before the name of a person.
func titles() []string {
	return []string{"mr. ", " mr ", "mrs. ", "mrs ", "ms. ", " ms ", "miss ", "mister ", "dr. ", " dr ", "prof. ", "prof ", "professor ", "doctor ",
		"herr ", "herrn ", "frau ", "madame ", "monsieur ", "mme ", "mlle ", "señor ", "señora ", "signor ", "signora ", "sig. ", "sig.ra ", "dhr. ", "mevr. ",
		"mevrouw ", "sra. ", "pani ", "г-н ", "г-жа ", "officer ", "nurse ", "detective ", "sergeant ", "attorney "}
}

func titled(c *Candidate) {
	s, title := c.Text, c.Start
	if s[title] == ' ' {
		title++
	}
	if s[title] < utf8.RuneSelf && !isUpper(s[title]) && !strings.HasSuffix(s[title:c.End], ". ") && !sameFold(s[title:c.End], "pani ") || withinWord(s, title) || streetDrive(s, title) || strings.HasPrefix(s[title:], "DR ") {
		return
	}
	start := c.End
	for range 2 { // Herr Dr. Meier, Prof. Dr. Schulz
		start += anyFold(s[start:], "dr. ", "prof. ", "prof ", "ing. ")
	}
	if end, words := personEnd(s, start); words > 0 && words <= 4 {
		c.Add(start, end)
	}
}

// streetDrive reports whether the Dr at i is that of 12 Oak Dr Springfield.
func streetDrive(s string, i int) bool {
	if !hasFold(s[i:], "dr") {
		return false
	}
	line := s[max(0, i-40):i]
	line = line[strings.LastIndexAny(line, "\n.!?")+1:]
	fields := 0
	for f := range strings.FieldsSeq(line) {
		if fields++; isDigit(f[0]) {
			return true
		}
	}
	return false
}

// greeted reads the name in Dear Ann Smith, and Hi Bob and Alice!
func greeted(c *Candidate) {
	s, word := c.Text, c.Start
	if s[word] == '\n' {
		word++
	}
	if !isUpper(s[word]) || !startsLine(s, word) {
		return
	}
	for start := c.End; ; {
		end, words := personEnd(s, start)
		if words == 0 || words > 3 {
			return
		}
		and := anyFold(s[end:], " and ", " & ", " und ", " et ")
		if and == 0 && !closesGreeting(s, end) {
			return
		}
		c.Add(start, end)
		if and == 0 {
			return
		}
		start = end + and
	}
}

// greetedBriefly reads the line before a comma that ends it: Hi is too short
// to be looked for by itself.
func greetedBriefly(c *Candidate) {
	from := max(0, c.Start-48)
	line := from + strings.LastIndexByte(c.Text[from:c.Start], '\n') + 1
	if n := anyFold(c.Text[line:], "hi "); n > 0 && isUpper(c.Text[line]) && !withinWord(c.Text, line) {
		if end, words := personEnd(c.Text, line+n); words > 0 && end == c.Start {
			c.Add(line+n, end)
		}
	}
}

// closesGreeting reports whether the salutation ends at i.
func closesGreeting(s string, i int) bool {
	return i < len(s) && (strings.IndexByte(",!:;", s[i]) >= 0 && !isWord(at(s, i+1)) || s[i] == '\n' || strings.HasPrefix(s[i:], " -"))
}

// startsLine reports whether only space, quotes and the like stand before i in
// its line.
func startsLine(s string, i int) bool {
	i = skipBack(s, i, " \t\"'>*_“`", 6)
	return i == 0 || s[i-1] == '\n' || strings.HasSuffix(s[:i], "\\n") || s[i-1] >= utf8.RuneSelf && !letterBefore(s, i) || s[i-1] == ':'
}

func letterBefore(s string, i int) bool {
	r, _ := utf8.DecodeLastRuneInString(s[:i])
	return unicode.IsLetter(r)
}

// closings end a letter; the name stands in the line below.
func closings() []string {
	return []string{"regards", "sincerely", "cheers", "best wishes", "yours truly", "faithfully", "respectfully", "thanks,", "thank you,", "best,", "love,", "warmly,",
		"grüßen", "grüße", "gruß", "gruss", "cordialement", "salutations", "saludos", "atentamente", "saluti", "groeten", "groet", "atenciosamente", "abraços",
		"pozdrawiam", "hälsningar", "hilsen"}
}

func signed(c *Candidate) {
	s := c.Text
	i := skipAny(s, c.End, ",.! \t*_", 4)
	newline := skipAny(s, i, "\r\n", 4)
	if newline == i {
		return
	}
	start := skipAny(s, newline, " \t*_-~", 6)
	end, words := personEnd(s, start)
	if words > 0 && endsLine(s, end) && !organisation(s[start:end]) {
		c.Add(start, end)
	}
}

// endsLine reports whether the line ends at i, or goes on behind a comma.
func endsLine(s string, i int) bool {
	i = skipAny(s, i, " \t*_.", 4)
	return i >= len(s) || strings.IndexByte("\r\n,|", s[i]) >= 0 || strings.HasPrefix(s[i:], "\\n") || s[i] == '"' || s[i] == '<'
}

// fieldLabels name the fields of a form that hold a name.
func fieldLabels() []string {
	return []string{"name:", "name :", "name**:", "patient:", "contact:", "customer:", "client:", "employee:", "applicant:", "attn:", "attention:", "recipient:", "sender:", "signed:", "signed by ",
		"signature:", "beneficiary:", "cardholder:", "account holder:", "guest:", "candidate:", "full_name:", "first_name:", "last_name:", "billing address:", "shipping address:",
		"vorname:", "nachname:", "naam:", "nome:", "cognome:", "prénom:", "nombre:", "apellido:", "apellidos:", "imię:", "nazwisko:", "фио:", "имя:", "patientin:"}
}

// field reads the name in a field: two words or more, or one where the label
// can mean nothing but a part of a name.
func field(c *Candidate) {
	s := c.Text
	start := skipAny(s, c.End, " \t*_\"'", 8)
	end, words := personEnd(s, start)
	if words == 0 || organisation(s[start:end]) || !endsLine(s, end) && strings.IndexByte(";('", at(s, end)) < 0 || withinWord(s, c.Start) && at(s, c.Start-1) != '_' {
		return
	}
	label := s[c.Start:c.End]
	if hasFold(label, "name") {
		before := lastWordBefore(s, c.Start)
		if before != "" && !sameFold(before, "full", "first", "last", "middle", "maiden", "given", "family", "your", "my", "patient", "customer", "client", "contact",
			"employee", "student", "guest", "applicant", "legal", "sur", "candidate", "holder", "cardholder", "recipient", "sender") {
			return
		}
		if before == "" && !aboutPerson(s, c.Start, end) {
			return
		}
		if words == 1 && !sameFold(before, "first", "last", "middle", "maiden", "given", "family", "sur") {
			return
		}
	}
	if words > 1 || anyFold(label, "patient", "vorname", "nachname", "first", "last", "cognome", "prénom", "apellido", "imi", "nazwisko", "name") > 0 {
		c.Add(start, end)
	}
}

// aboutPerson reports whether the fields around s[i:j] are those of a person:
// a name alone can be that of a file, a product or a hotel.
func aboutPerson(s string, i, j int) bool {
	window := s[max(0, i-80):min(len(s), j+64)]
	for k := range len(window) {
		if c := window[k] | 0x20; c == 'p' || c == 'e' || c == 'm' || c == 's' || c == 'd' || c == 'g' || c == 'b' || c == 'a' || c == 'n' || c == 'o' {
			if !withinWord(window, k) && anyFold(window[k:], "phone", "email", "e-mail", "mobile", "ssn", "sex:", "dob", "date of birth", "gender", "birth", "age:", "aged", "nationality", "occupation",
				"patient", "employee", "passport", "marital", "job title") > 0 {
				return true
			}
		}
	}
	next := gap(s, skipAny(s, j, " *_", 4))
	return anyFold(s[skipAny(s, next, "*-• ", 6):], "address", "title:", "position:", "company:") > 0
}

// asked reads the answer to a question for a name.
func asked(c *Candidate) {
	s := c.Text
	before := lastWordBefore(s, c.Start)
	if s[c.End-2] == 'e' && !sameFold(before, "your", "last", "first", "full", "maiden", "her", "his", "family") && c.End-c.Start == len("name?") {
		return
	}
	start := skipAny(s, c.End, " \n\r\"*", 4)
	if role := lettersEnd(s, start, 12); at(s, role) == ':' {
		start = skipAny(s, role+1, " *", 3)
	}
	if end, words := personEnd(s, start); words > 0 && words <= 3 && endsLine(s, end) {
		c.Add(start, end)
	}
}

// relations stand between a speaker and somebody whom the speaker knows.
func relations() []string {
	var words []string
	for _, of := range [...]string{"wife", "husband", "son", "daughter", "kid", "child", "brother", "sister", "mother", "father", "mom", "mum", "dad", "friend", "best friend", "girlfriend",
		"boyfriend", "partner", "fiancé", "fiancée", "boss", "manager", "colleague", "coworker", "co-worker", "neighbor", "neighbour", "roommate", "cousin", "uncle", "aunt", "nephew", "niece",
		"grandmother", "grandfather", "grandson", "granddaughter", "therapist", "landlord", "classmate", "supervisor", "assistant", "doctor", "lawyer", "teacher"} {
		words = append(words, "my "+of+" ")
	}
	return append(words, "meine frau ", "mein mann ", "meine tochter ", "mein sohn ", "mein freund ", "meine freundin ", "ma femme ", "mon mari ", "ma fille ", "mon fils ",
		"mi esposa ", "mi esposo ", "mi hijo ", "mi hija ", "mi amigo ", "mi amiga ", "mia moglie ", "mio marito ", "minha esposa ", "meu marido ")
}

func related(c *Candidate) {
	s := c.Text
	start := skipAny(c.Text, c.End, ",", 1) // my wife, Ann
	end, words := personEnd(s, start)
	if words == 0 || words > 3 || withinWord(s, c.Start) || isUpper(s[c.End-2]) || isUpper(at(s, c.Start+3)) {
		return // a title, as in My Best Friend's Wedding
	}
	c.Add(start, end)
}

// referred reads the name in "contact Ann Smith at": two words and more.
func referred(c *Candidate) {
	s := c.Text
	end, words := personEnd(s, c.End)
	if words < 2 || words > 3 || withinWord(s, c.Start) {
		return
	}
	if anyFold(s[end:], " at ", " on ", " via ", " by phone", " by email", " (") > 0 {
		next := skipAny(s, end+3, " (+", 4)
		if digit := nextDigit(s, next, 16); digit || strings.IndexByte(s[next:min(len(s), next+40)], '@') >= 0 {
			c.Add(c.End, end)
		}
	}
}

func nextDigit(s string, i, n int) bool {
	return strings.ContainsAny(s[i:min(len(s), i+n)], digits)
}

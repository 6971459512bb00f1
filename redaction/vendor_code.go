package redaction

// codeKeys are the keys of code hosts, registries of packages, builds and
// tests.
var codeKeys = []family{
	{"github_token", "GitHub Docs: token formats", []vendor{
		{"GitHub", "ghp_<a36> gho_<a36> ghu_<a36> ghs_<a36> ghs_<t60-> ghr_<a36-76> github_pat_<w60-90>"},
	}},
	{"gitlab_token", "GitLab Docs: token overview, prefixes", []vendor{
		{"GitLab", "glpat-<t20-> glptt-<u40> gldt-<u20-> glrt-<t20-> glrtr-<t20-> glcbt-<u20-> glffct-<u20-> glft-<u20->"},
		{"GitLab", "glimt-<u25-> glagent-<u50-> gloas-<u64-> glsoat-<u20-> glwt-<u20-> GR1348941<u20-> _gitlab_session=^<a32>"},
	}},
	{"atlassian_token", "Atlassian Support: API tokens; Bitbucket app passwords", []vendor{
		{"Atlassian", "ATATT3<t100-250> ATCTT3<t100-250> ATSTT3<t100-250>"},
		{"Bitbucket", "ATBB<a32-40>"},
		{"Trello", "ATTA<x60-76>"},
	}},
	{"npm_token", "GitHub Docs: npm access tokens", []vendor{
		{"npm", "npm_<a36>"},
	}},
	{"pypi_token", "PyPI help: API tokens; macaroons", []vendor{
		{"PyPI", "pypi-AgE<u50->"},
	}},
	{"package_token", "documentation of the registries", []vendor{
		{"RubyGems", "rubygems_<x48>"},
		{"NuGet", "oy2<l43>"},
		{"crates.io", "cio<a32>"},
		{"Clojars", "CLOJARS_<a60>"},
		{"Packagist", "packagist_ou_<x40-> packagist_uu_<x40->"},
		{"Artifactory", "AKCp<a10-80> cmVmd<a59>"},
		{"JetBrains", "perm:<k30-> perm-<k40->"},
		{"Sourcegraph", "sgp_<w40-60> sgd_<h64> slk_<h64>"},
		{"TeamCity", "eyJ0eXAiOiAiVENWMiJ9.<u20-60>.<u40-60>"},
	}},
	{"build_token", "documentation of the services", []vendor{
		{"CircleCI", "CCIPAT_<a22>_<x40> CCIPRJ_<a22>_<x40>"},
		{"Buildkite", "bkua_<x40> bkat_<x40-> bkct_<x40->"},
		{"Harness", "pat.<t60-90> sat.<t60-90>"},
		{"SonarQube", "squ_<a40> sqp_<a40> sqa_<a40>"},
		{"Octopus Deploy", "API-<U26>"},
		{"Postman", "PMAK-<x24>-<x34>"},
		{"Prefect", "pnu_<a36>"},
		{"Chromatic", "chpt_<x15>"},
		{"Snyk", "snyk_uat.<t30-> snyk_sat.<t30->"},
		{"Socket", "sktsec_<u40-50>_api"},
		{"StackHawk", "hawk.<u20>.<u20>"},
		{"WakaTime", "waka_<g36>"},
		{"ReadMe", "rdme_<a70>"},
		{"Dependency-Track", "odt_<a32> odt_<a8>_<a32>"},
		{"Mergify", "mergify_application_key_<u30->"},
		{"Endor", "endr+<a16>"},
		{"Ionic", "ion_<a42>"},
	}},
}

package redaction

// operationKeys are the keys of monitoring, identity and stores of secrets.
var operationKeys = []family{
	{"vault_token", "HashiCorp: Vault tokens, HCP service principals", []vendor{
		{"Vault", "hvs.<u24-200> hvb.<u100-> hvr.<u24-200>"},
	}},
	{"doppler_token", "Doppler: token formats", []vendor{
		{"Doppler", "dp.pt.<a40-44> dp.ct.<a40-44> dp.sa.<a40-44> dp.scim.<a40-44> dp.audit.<a40-44> dp.said.<a40-44>"},
		{"Doppler", "dp.st.<a40-44> dp.st.<u2-35>.<a40-44> doppler.<t40-60>"},
	}},
	{"onepassword_key", "1Password: service accounts, secret keys", []vendor{
		{"1Password", "ops_eyJ<b100-1200> A3-<U6>-<U11>-<U5>-<U5>-<U5> A3-<U6>-<U6>-<U5>-<U5>-<U5>-<U5>"},
	}},
	{"age_key", "C2SP age: X25519 identities, Bech32", []vendor{
		{"age", "AGE-SECRET-KEY-1<U58> AGE-SECRET-KEY-PQ-1<U58-> AGE-PLUGIN-YUBIKEY-1<U40->"},
	}},
	{"grafana_token", "Grafana: service account and cloud access policy tokens", []vendor{
		{"Grafana", "glc_<b32-> glsa_<w41> eyJrIjoi<b60->"},
	}},
	{"newrelic_key", "New Relic: API keys", []vendor{
		{"New Relic", "NRAK-<a27> NRII-<u32> NRJS-<x19> NRRA-<x42> NRSP-<a20-60> NRIQ-<u32> NRAA-<x27>"},
	}},
	{"sentry_token", "Sentry: auth tokens", []vendor{
		{"Sentry", "sntrys_<b60-> sntrys_eyJ<b60->_<b43> sntryu_<x64> sntrya_<x64> sntryi_<x64>"},
	}},
	{"operation_key", "documentation of the vendors", []vendor{
		{"Dynatrace", "dt0c01.<t88-90> dt0s01.<U24>.<U64> dt0s02.<U8>.<U64> dt0s08.<U8>.<U64> dt0s16.<U8>.<U64>"},
		{"Honeycomb", "hcaik_<l58> hcxik_<l58> hcbik_<l58> hcamk_<l58>"},
		{"Axiom", "xaat-<g36> xapt-<g36>"},
		{"Coralogix", "cxtp_<a30> cxup_<a30>"},
		{"Checkly", "cu_<x32>"},
		{"PostHog", "phx_<a43-50> phs_<a43-50>"},
		{"LaunchDarkly", "api-<g36> sdk-<g36> mob-<g36>"},
		{"Statsig", "secret-<a40-50> console-<a40-50>"},
		{"GrowthBook", "secret_admin_<a20-> secret_readonly_<a20->"},
		{"Elastic", "essu_<b30->"},
		{"Stytch", "secret-live-<u36> secret-test-<u36>"},
		{"Authress", "authress_<t60-> sc_<l5-30>.<l4-6>.<t40-150> ext_<l5-30>.<l4-6>.<t40-150> scauth_<l5-30>.<l4-6>.<t40-150>"},
		{"SettleMint", "sm_aat_<a16> sm_pat_<a16> sm_sat_<a16>"},
		{"Infisical", "st.<g36>.<x32>.<x32> st.<x24>.<x32>.<x32>"},
		{"Ory", "ory_pat_<a32> ory_at_<u43>.<u43> ory_rt_<u43>.<u43> ory_ac_<u43>.<u43>"},
		{"Permit", "permit_key_<a80->"},
		{"Rootly", "rootly_<x64>"},
		{"FireHydrant", "fhb-<x32>"},
		{"WireGuard", "PrivateKey<s1>=<s1>^<b44> PresharedKey<s1>=<s1>^<b44>"},
		{"Code Climate", "CC_TEST_REPORTER_ID=^<x64>"},
		{"Salesforce", "00D<a12>!<t80-120> 3MVG9<t70-90> 5Aep861<t60-90>"},
	}},
}

package redaction

// cloudKeys are the keys of clouds, hosts and networks. Sources are the
// vendors' documentation and the public rule sets of gitleaks (MIT), Nosey
// Parker and detect-secrets (Apache-2.0).
var cloudKeys = []family{
	{"aws_key", "AWS IAM User Guide: IAM identifiers, unique ids; Amazon Bedrock: API keys", []vendor{
		{"AWS", "AKIA<U16> ASIA<U16> ABIA<U16> ACCA<U16> AGPA<U16-17> AIDA<U16-17> AROA<U16-17> AIPA<U16-17> ANPA<U16-17>"},
		{"AWS", "ANVA<U16-17> A3T<U17> IQoJb3JpZ2lu<b100-> FwoGZXIvYXdz<b100-> FQoGZXIvYXdz<b100->"},
		{"Bedrock", "ABSK<b109-272> bedrock-api-key-<b20->"},
		{"AppSync", "da2-<l26>"},
		{"Amazon MWS", "amzn.mws.<x8>-<x4>-<x4>-<x4>-<x12>"},
		{"Login with Amazon", "amzn1.oa2-cs.v1.<x64>"},
		{"Amazon token", "Atza|<k50->"},
		{"Amazon refresh", "Atzr|<k50->"},
	}},
	{"google_key", "Google Cloud: API keys; OAuth 2.0 for web servers; Cloud Storage HMAC keys", []vendor{
		{"Google", "AIza<u35> GOCSPX-<u20-40> ya29.<t20-> 1//0<u30-> GOOG1E<a57> GOOG<a20> GOOG4<a56>"},
	}},
	{"azure_key", "Microsoft Learn: storage account keys, SAS, Service Bus connection strings", []vendor{
		{"Azure", "AccountKey=^<b40-100> SharedAccessKey=^<b40-100> sharedaccesssignature=^<k30-> SharedAccessSignature<s1>sr=<q60->"},
	}},
	{"digitalocean_key", "DigitalOcean API: personal access tokens, OAuth", []vendor{
		{"DigitalOcean", "dop_v1_<x64> doo_v1_<x64> dor_v1_<x64>"},
	}},
	{"heroku_key", "Heroku Dev Center: Platform API", []vendor{
		{"Heroku", "HRKU-<u36-64>"},
	}},
	{"fly_key", "Fly.io: access tokens", []vendor{
		{"Fly", "fo1_<u40-50> fm1a_<b60-> fm1r_<b60-> fm2_<b60->"},
	}},
	{"cloudflare_key", "Cloudflare API: Origin CA keys, tokens", []vendor{
		{"Cloudflare", "v1.0-<x24>-<x146> cfut_<a40-60> cfat_<a40-60> cfk_<a40-60>"},
	}},
	{"cloud_key", "documentation of the vendors", []vendor{
		{"Netlify", "nfp_<a36> nfc_<a36> nfo_<a36> nfb_<a36> nfu_<a36>"},
		{"Vercel", "vercel_blob_rw_<a16>_<a30> vcp_<a24-64> vci_<a24-64> vca_<a24-64> vcr_<a24-64> vck_<a24-64>"},
		{"Alibaba", "LTAI<a12-24>"},
		{"Tencent", "AKID<a13-40>"},
		{"IBM Cloud", "ApiKey-<g36>"},
		{"SoftLayer", "api.softlayer.com/soap/v3/^<l64> api.softlayer.com/soap/v3.1/^<l64> api.softlayer.com/rest/v3/^<l64>"},
		{"Baidu", "bce-v3/ALTAK-<a21>/<x40>"},
		{"Yandex", "AQVN<u35-38> YCAJ<u21-36> t1.9<t80-> y0_<u50-60>"},
		{"Scaleway", "SCW<U17>"},
		{"Scalingo", "tk-us-<u48>"},
		{"Render", "rnd_<a32>"},
		{"Supabase", "sbp_<x40> sbp_oauth_<x40> sb_secret_<u22-50>"},
		{"Neon", "napi_<l64>"},
		{"Tailscale", "tskey-auth-<a11-21>-<a20-40> tskey-api-<a11-21>-<a20-40> tskey-client-<a11-21>-<a20-40>"},
		{"Tailscale", "tskey-webhook-<a11-21>-<a20-40> tskey-scim-<a11-21>-<a20-40> tskey-<a16-40>"},
		{"Pulumi", "pul-<x40>"},
		{"Infracost", "ico-<a32>"},
		{"Defined Networking", "dnkey-<t70-90>"},
		{"OpenShift", "sha256~<u43>"},
		{"Docker", "dckr_pat_<u20-> dckr_oat_<u20-> SWMTKN-1-<l49-50>-<l24-25> SWMKEY-1-<b43>"},
		{"Rancher", "kubeconfig-<u8->:<l54>"},
		{"Portainer", "ptr_<b43-44>"},
		{"Ubidots", "BBFF-<a30> BBUS-<a30>"},
		{"Zuplo", "zpka_<x32>_<x8>"},
		{"Unkey", "unkey_<a20-30>"},
		{"Scale", "live_<x32>"},
		{"Deno Deploy", "ddp_<a36> ddo_<a36>"},
	}},
}

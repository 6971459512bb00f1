package redaction

// moneyKeys are the keys of payment, shops, banks and shipping.
var moneyKeys = []family{
	{"stripe_key", "Stripe Docs: API keys, webhooks; Paystack and Clerk use the form, too", []vendor{
		{"Stripe", "sk_live_<w10-247> sk_test_<w10-247> sk_prod_<w10-99> rk_live_<w10-247> rk_test_<w10-247> rk_prod_<w10-99>"},
		{"Stripe", "whsec_<b24-64> sk_org_<w20-247> ek_live_<w10-247> ek_test_<w10-247>"},
	}},
	{"square_key", "Square: access tokens", []vendor{
		{"Square", `sq0atp-<u22-60> sq0csp-<e40-50> sq0idp-<u22-60> sandbox-sq0csp-<u43> EAAA<u40-64>`},
	}},
	{"shopify_key", "Shopify: token formats", []vendor{
		{"Shopify", "shpat_<h32> shpca_<h32> shppa_<h32> shpss_<h32> shpua_<h32> shptka_<h32> shprt_<h32> shpit_<h32>"},
	}},
	{"payment_key", "documentation of the vendors", []vendor{
		{"Braintree", "access_token$production$<l16>$<x32> access_token$sandbox$<l16>$<x32>"},
		{"Adyen", "AQE<k80-200>"},
		{"Razorpay", "rzp_live_<a14> rzp_test_<a14>"},
		{"Flutterwave", "FLWSECK_TEST-<u12-40> FLWPUBK_TEST-<u32-36> FLWSECK-<u30-40> FLWPUBK-<u30-40>"},
		{"GoCardless", "live_<u40-44> sandbox_<u40>"},
		{"Plaid", "access-sandbox-<g36> access-development-<g36> access-production-<g36>"},
		{"Shippo", "shippo_live_<h40> shippo_test_<h40>"},
		{"EasyPost", "EZAK<a54> EZTK<a54>"},
		{"Duffel", "duffel_test_<t43> duffel_live_<t43>"},
		{"Paddle", "pdl_live_apikey_<l26>_<a22>_<a3> pdl_sdbx_apikey_<l26>_<a22>_<a3> pdl_ntfset_<l26>_<b32>"},
		{"Polar", "polar_oat_<a40-> polar_pat_<a40->"},
		{"Omise", "skey_test_<l19> skey_live_<l19>"},
		{"Midtrans", "SB-Mid-server-<u24> Mid-server-<u24>"},
		{"Xendit", "xnd_production_<a40-> xnd_development_<a40->"},
		{"Checkout.com", "sk_sbox_<l20-40> sk_<g36>"},
		{"Cashfree", "cfsk_ma_prod_<x32>_<x8> cfsk_ma_test_<x32>_<x8>"},
		{"Mercado Pago", "APP_USR-<d16>-<d6>-<x32>-<d6-12> TEST-<d16>-<d6>-<x32>-<d6-12>"},
		{"Klarna", "klarna_live_api_<b40-> klarna_test_api_<b40->"},
		{"Mercury", "secret-token:mercury_production_<k20->"},
		{"Persona", "persona_production_<g36> persona_sandbox_<g36>"},
		{"Brex", "bxt_<a36->"},
		{"Ramp", "ramp_sec_<a40->"},
		{"Mollie", "live_<a30> test_<a30>"},
		{"Lob", "live_<x35> test_<x35>"},
		{"Pagar.me", "ak_live_<a30> ak_test_<a30>"},
		{"Freemius", "sk_<u29>"},
		{"Tap", "sk_live_<a24>"},
		{"Asaas", "$aact_<b80-> aact_prod_<b80->"},
		{"Coinbase", "organizations/<g36>/apiKeys/<g36>"},
		{"Alchemy", "alcht_<a30>"},
		{"Privy", "wallet-auth:<b100->"},
	}},
}

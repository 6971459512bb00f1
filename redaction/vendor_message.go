package redaction

// messageKeys are the keys of chat, mail, telephony and social networks.
var messageKeys = []family{
	{"slack_token", "Slack API: token types", []vendor{
		{"Slack", "xoxb-<u18-> xoxp-<u18-> xoxa-<u8-> xoxr-<u8-> xoxs-<u18-> xoxo-<u18-> xoxc-<u18-> xoxd-<k20-> xoxe-<u30->"},
		{"Slack", "xoxe.xoxp-<u100-> xoxe.xoxb-<u100-> xapp-<u20-> xwfp-<u20->"},
	}},
	{"sendgrid_key", "Twilio SendGrid: API keys", []vendor{
		{"SendGrid", "SG.<t60-70>"},
	}},
	{"mail_key", "documentation of the vendors", []vendor{
		{"Mailgun", "key-<x32> pubkey-<x32>"},
		{"Brevo", "xkeysib-<x64>-<a16> xsmtpsib-<x64>-<a16>"},
		{"Mandrill", "md-<u22>"},
		{"MailerSend", "mlsn.<x64>"},
		{"Resend", "re_<a8>_<a20-30>"},
		{"Klaviyo", "pk_<x34>"},
		{"Zoho", "Zoho-enczapikey<s1><k60-> Zoho-oauthtoken<s1><k60-> 1000.<x32>.<x32>"},
	}},
	{"facebook_token", "Meta: access tokens", []vendor{
		{"Facebook", "EAAM<a100-> EAAC<a60-> EAAG<a60-> EAAB<a60-> EAAD<a60-> EAAF<a60-> EAAH<a60-> EAAI<a60-> EAAJ<a60-> EAAK<a60->"},
		{"Facebook", "EAAL<a60-> EAAN<a60-> EAAO<a60-> EAAP<a60-> EAAQ<a60-> EAAR<a60-> EAAS<a60-> EAAT<a60-> EAAU<a60-> EAAV<a60->"},
		{"Facebook", "EAAW<a60-> EAAX<a60-> EAAY<a60-> EAAZ<a60-> EAAE<a60->"},
		{"Instagram", "IGQV<u100-> IGQW<u100-> IGAA<u100->"},
	}},
	{"message_key", "documentation of the vendors", []vendor{
		{"Twitter", "AAAAAAAAAAAAAAAAAAAA<k60->"},
		{"PubNub", "sub-c-<g36> pub-c-<g36> sec-c-<b48>"},
		{"Intercom", "dG9r<b56>"},
		{"OneSignal", "os_v2_app_<l100-110> os_v2_org_<l100-110>"},
		{"Typeform", "tfp_<t59>"},
		{"Matrix", "syt_<b6->_<a20>_<a6>"},
		{"Discord", "mfa.<u84>"},
		{"Courier", "pk_prod_<U28> pk_test_<U28>"},
		{"HubSpot", "pat-na1-<g36> pat-eu1-<g36> pat-na2-<g36> pat-ap1-<g36>"},
		{"TikTok", "clt.<t60-> act.<t60-> rft.<t60->"},
	}},
}

// webhooks are URLs that let everybody who knows them write.
var webhooks = family{"webhook", "documentation of the vendors", []vendor{
	{"Slack", "hooks.slack.com/services/<p30-80> hooks.slack.com/workflows/<p30-120> hooks.slack.com/triggers/<p30-120>"},
	{"Slack", "hooks.slack-gov.com/services/<p30-80> hooks.slack-gov.com/workflows/<p30-120>"},
	{"Teams", ".webhook.office.com/webhookb2/<p60-300> outlook.office.com/webhook/<p60-300>"},
	{"Teams", "outlook.office365.com/webhook/<p60-300> .logic.azure.com/workflows/<q60->"},
	{"Teams", ".logic.azure.com:443/workflows/<q60->"},
	{"Power Automate", ".environment.api.powerplatform.com/<q60-> .environment.api.powerplatform.com:443/<q60->"},
	{"Discord", "discord.com/api/webhooks/<p60-120> discordapp.com/api/webhooks/<p60-120>"},
	{"Discord", "discord.com/api/v10/webhooks/<p60-120> discord.com/api/v9/webhooks/<p60-120>"},
	{"Guilded", "media.guilded.gg/webhooks/<p60-160>"},
	{"Zapier", "hooks.zapier.com/hooks/catch/<p8-60>"},
	{"Make", "hook.eu1.make.com/<l32> hook.eu2.make.com/<l32> hook.us1.make.com/<l32> hook.us2.make.com/<l32>"},
	{"Make", "hook.integromat.com/<l32>"},
	{"IFTTT", "maker.ifttt.com/trigger/<u1-80>/with/key/<u20-50> maker.ifttt.com/trigger/<u1-80>/json/with/key/<u20-50>"},
	{"Google", "chat.googleapis.com/v1/spaces/<q60->"},
	{"Feishu", "open.feishu.cn/open-apis/bot/v2/hook/<g36>"},
	{"Lark", "open.larksuite.com/open-apis/bot/v2/hook/<g36>"},
	{"DingTalk", "oapi.dingtalk.com/robot/send?access_token=<x64>"},
	{"WeCom", "qyapi.weixin.qq.com/cgi-bin/webhook/send?key=<g36>"},
	{"Pipedream", ".m.pipedream.net/<p1-80>"},
	{"Mattermost", "mattermost.com/hooks/<l26>"},
	{"Rocket.Chat", "rocket.chat/hooks/<p40-80>"},
	{"Opsgenie", "api.opsgenie.com/v1/json/googlestackdriver?apiKey=<g36>"},
	{"PagerDuty", "events.pagerduty.com/integration/<x32>/enqueue"},
	{"Datadog", "event-management-intake.datadoghq.com/api/v2/webhook?dd-api-key=<x32>"},
}}

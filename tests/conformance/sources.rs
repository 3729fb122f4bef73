//! Where each fact is published.

pub const SWAGGER: &str = "https://api.cc.email/v3/swagger.yaml";
pub const SDK: &str = "https://github.com/constantcontact/constant-contact-v3api-client-csharp/blob/main/api/openapi.yaml";
pub const SERVER_FLOW: &str = "https://developer.constantcontact.com/api_guide/server_flow.html";
pub const AUTH_OVERVIEW: &str =
    "https://developer.constantcontact.com/api_guide/auth_overview.html";
pub const PKCE_FLOW: &str = "https://developer.constantcontact.com/api_guide/pkce_flow.html";
pub const SCOPES: &str = "https://developer.constantcontact.com/api_guide/scopes.html";
pub const PRIVILEGES: &str = "https://developer.constantcontact.com/api_guide/user_privileges.html";
pub const RATE_LIMITS: &str = "https://developer.constantcontact.com/api_guide/rate_limits.html";
pub const GLOSSARY: &str =
    "https://developer.constantcontact.com/api_guide/glossary_responses.html";
pub const OVERVIEW: &str =
    "https://developer.constantcontact.com/api_guide/v3_technical_overview.html";
pub const SIGN_UP: &str =
    "https://developer.constantcontact.com/api_guide/contacts_create_or_update.html";
pub const RESUBSCRIBE: &str =
    "https://developer.constantcontact.com/api_guide/contacts_re-subscribe.html";
pub const SYNC: &str = "https://developer.constantcontact.com/api_guide/contacts_sync.html";
pub const IMPORT: &str = "https://developer.constantcontact.com/api_guide/import_contacts.html";
pub const AUTORESPONDER: &str =
    "https://developer.constantcontact.com/api_guide/contacts_autoresponder.html";
pub const BULK: &str = "https://developer.constantcontact.com/api_guide/bulk_activities.html";
pub const CUSTOM_FIELDS: &str =
    "https://developer.constantcontact.com/api_guide/create_custom_fields.html";
pub const LISTS_POST: &str = "https://v3.developer.constantcontact.com/api_guide/lists_post.html";
pub const MANAGE_APPS: &str =
    "https://developer.constantcontact.com/api_guide/faqs_manage_applications.html";
pub const RELEASE_NOTES: &str =
    "https://developer.constantcontact.com/api_guide/what-s-new/release-notes";
pub const OKTA_ERRORS: &str = "https://developer.okta.com/reference/error_codes/";
pub const API_EVANGELIST: &str = "https://github.com/api-evangelist/constant-contact";
pub const CLOUDCOGS: &str = "https://github.com/cloudcogsio/constantcontact";
pub const WORDPRESS: &str = "https://github.com/WebDevStudios/constant-contact-forms";
pub const PHPFUI: &str = "https://github.com/phpfui/ConstantContact";
pub const PHPFUI_19: &str = "https://github.com/phpfui/ConstantContact/issues/19";
pub const PHPFUI_20: &str = "https://github.com/phpfui/ConstantContact/issues/20";
pub const NANGO: &str =
    "https://github.com/NangoHQ/nango/blob/2f4c0af6/packages/providers/providers.yaml";
pub const FREEFORM_272: &str = "https://github.com/solspace/craft-freeform/issues/272";
pub const FREEFORM_616: &str = "https://github.com/solspace/craft-freeform/issues/616";
pub const FORUM_SCRIPT: &str = "https://community.constantcontact.com/t5/API-Developer-Support/Authentication-Error/td-p/397524";
pub const FORUM_CODES: &str =
    "https://community.constantcontact.com/t5/user/v2/viewprofilepage/user-id/1256516/page/4";
pub const FORUM_LIFETIMES: &str = "https://community.constantcontact.com/t5/API-Developer-Support/Refresh-token-expiry/td-p/402882";
pub const FORUM_REFRESH: &str = "https://community.constantcontact.com/t5/Developer-Support-ask-questions/Refresh-Token/td-p/332029";
pub const FORUM_TOKEN_LIMIT: &str = "https://community.constantcontact.com/t5/user/viewprofilepage/user-id/1384049/user-messages-feed/participations";
pub const FORUM_KEY_LIMIT: &str = "https://community.constantcontact.com/t5/API-Developer-Support/Rate-Limiting-On-Access-Tokens/td-p/399094";
pub const FORUM_PARTNER: &str = "https://community.constantcontact.com/t5/API-Developer-Support/Partnership-Question-Rate-Limit-Issue/td-p/416585";
pub const FORUM_401: &str = "https://community.constantcontact.com/t5/API-Developer-Support/Unauthorized-to-list-contacts/td-p/381268";
pub const FORUM_PENDING: &str = "https://community.constantcontact.com/t5/API-Developer-Support/POST-to-contacts-sign-up-form-not-adding-as-explicit/m-p/341990";
pub const FORUM_PENDING_UPDATE: &str = "https://community.constantcontact.com/t5/API-Developer-Support/Integration-Clarification-on-best-endpoint-for-subscription/m-p/424496";
pub const FORUM_ABUSE: &str =
    "https://community.constantcontact.com/t5/API-Developer-Support/Email-Validation/m-p/417628";
pub const FORUM_CONFLICT: &str = "http://community.constantcontact.com/t5/API-Developer-Support/Contact-deleted-in-UI-API-v3-thinks-the-email-is-still-in-use/td-p/342569";
pub const FORUM_NEVER_DELETED: &str = "https://community.constantcontact.com/t5/API-Developer-Support/Re-Deleted-contacts-accidentally/td-p/379564";
pub const FORUM_JSON: &str = "https://community.constantcontact.com/t5/user/viewprofilepage/user-id/1123141/user-messages-feed/participations";
pub const FORUM_STATUS: &str = "https://community.constantcontact.com/t5/Questions-Discussions/Help-understanding-quot-Email-Status-quot-in-exportedcontacts/m-p/410819";

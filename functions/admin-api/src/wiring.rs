use admin_api::Api;
use lambda_http::Error;
use leadfeed_shared::adapters::{Aws, OsRandom, SecretsAdminTokens, SystemClock, config};
use leadfeed_shared::app::admin::{Admin, AdminAuth, AdminAuthError};
use leadfeed_shared::ports::Clock as _;

/// Who is authorized. If nobody is, the error tells the operator which secret to fill.
async fn auth(aws: &Aws) -> Result<AdminAuth<SecretsAdminTokens>, Error> {
    let auth = AdminAuth::read(aws.admin_tokens()?, SystemClock.now()).await;
    auth.map_err(|error| match error {
        AdminAuthError::Empty => "the secret keys/admin holds no token".into(),
        error @ AdminAuthError::Store(_) => error.into(),
    })
}

/// The API on the function's own tables, queue and secrets.
pub async fn api(aws: &Aws) -> Result<Api<Aws, SecretsAdminTokens>, Error> {
    Ok(Api {
        service: config::required("LEADFEED_SERVICE_NAME")?,
        auth: auth(aws).await?,
        admin: Admin {
            directory: aws.directory()?,
            ledger: aws.ledger()?,
            queue: aws.queue()?,
            dead_letters: aws.dead_letters()?,
            vault: aws.vault()?,
            apps: aws.apps()?,
            captcha: aws.captcha()?,
            budget: aws.directory()?,
            events: aws.events()?,
            clock: SystemClock,
            random: OsRandom,
            keys: aws.signing_keys().await?,
            public_url: config::public_url()?,
            oldest_lead_alarm: config::seconds("LEADFEED_OLDEST_LEAD_ALARM")?,
            quarantine_alarm: config::number("LEADFEED_QUARANTINE_ALARM")? as usize,
        },
    })
}

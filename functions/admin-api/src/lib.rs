//! The operator's API and the customer's own page: decodes a request, makes one use-case call, encodes the answer.

mod answer;
mod file;
mod jws;
mod manage;
mod request;
pub mod routes;
mod snippet;
mod sums;
mod view;

use lambda_http::http::StatusCode;
use lambda_http::{Body, Request, Response};
use leadfeed_shared::app::admin::{Admin, AdminAuth};
use leadfeed_shared::domain::ids::CustomerId;
use leadfeed_shared::ports::{AdminTokens, Clock as _, Wiring};
use leadfeed_shared::web::{Problem, json};

use answer::{Refused, done, parsed};
use jws::Signer;
use request::{body, query};
use routes::{Matched, Operation, find};

/// The API: who is authorized, and the use cases.
pub struct Api<W: Wiring, T> {
    /// Who is authorized.
    pub auth: AdminAuth<T>,
    /// The use cases.
    pub admin: Admin<W>,
    /// The service's name, as its customers know it.
    pub service: String,
}

/// Answers a request. Every possible answer is described in `docs/openapi.yaml`.
pub async fn handle<W: Wiring, T: AdminTokens>(
    api: &Api<W, T>,
    request: Request,
) -> Response<Body> {
    if manage::is_for(request.uri().path()) {
        return manage::handle(&api.admin, &request, &api.service).await;
    }
    if request.uri().path() == "/.well-known/jwks.json" {
        return match Signer::of(&api.admin.keys) {
            Ok(signer) => ok(&signer.published()),
            Err(problem) => problem.into_response(),
        };
    }
    let (operation, id) = match find(request.method(), request.uri().path()) {
        Matched::Operation(operation, id) => (operation, id),
        Matched::OtherMethods(allow) => return Problem::method_not_allowed(allow).into_response(),
        Matched::Nothing => return Problem::not_found("resource").into_response(),
    };
    let now = api.admin.clock.now();
    if !request::is_authorized(&request, &api.auth, now).await {
        return answer::unauthorized();
    }
    match perform(&api.admin, operation, id, &request).await {
        Ok(response) => response,
        Err(Refused(problem)) => problem.into_response(),
    }
}

async fn perform<W: Wiring>(
    admin: &Admin<W>,
    operation: Operation,
    id: &str,
    request: &Request,
) -> Result<Response<Body>, Refused> {
    let customer = || parsed::<CustomerId>(id, "customer");
    Ok(match operation {
        Operation::ListCustomers => ok(&view::customers(&admin.customers(query(request)).await?)),
        Operation::PutCustomer => {
            let id = answer::parsed_new(id, "customer_id")?;
            let saved = admin.put_customer(&id, body(request)?).await?;
            json(answer::saved(&saved), &view::customer(&saved.now))
        }
        Operation::GetCustomer => ok(&view::customer(&admin.customer(&customer()?).await?)),
        Operation::DeleteCustomer => done(admin.delete_customer(&customer()?).await?),
        Operation::MakeConnectLink => {
            body(request)?.expect_empty()?;
            created(&view::link(&admin.connect_link(&customer()?).await?))
        }
        Operation::MakeManageLink => {
            body(request)?.expect_empty()?;
            created(&view::link(&admin.manage_link(&customer()?).await?))
        }
        Operation::RevokeManageLinks => done(admin.revoke_manage_links(&customer()?).await?),
        Operation::GetConnection => ok(&view::connection(
            admin.connection(&customer()?).await?.as_ref(),
        )),
        Operation::Disconnect => done(admin.disconnect(&customer()?).await?),
        Operation::CreateForm => {
            let form = admin.create_form(&customer()?, body(request)?).await?;
            created(&view::form_with_urls(&form, admin)?)
        }
        Operation::ListForms => ok(&view::forms(&admin.forms(&customer()?).await?)),
        Operation::GetForm => {
            let form = admin.form(&parsed(id, "form")?).await?;
            ok(&view::form_with_urls(&form, admin)?)
        }
        Operation::ChangeForm => {
            let form = admin
                .change_form(&parsed(id, "form")?, body(request)?)
                .await?;
            ok(&view::form_with_urls(&form, admin)?)
        }
        Operation::DeleteForm => done(admin.delete_form(&parsed(id, "form")?).await?),
        Operation::RotateWebhook => {
            body(request)?.expect_empty()?;
            let form = admin.rotate_webhook(&parsed(id, "form")?).await?;
            ok(&view::form_with_urls(&form, admin)?)
        }
        Operation::ListLeads => ok(&view::leads(
            &admin.leads(&customer()?, query(request)).await?,
        )),
        Operation::GetLead => ok(&view::lead(&admin.lead(&parsed(id, "lead")?).await?)),
        Operation::EraseLead => done(admin.erase_lead(&parsed(id, "lead")?).await?),
        Operation::ExportLeads => {
            let customer = customer()?;
            let part = file::part(admin, &customer, query(request), file::READ_TIME).await?;
            let next = format!("/v1/customers/{customer}/leads.csv");
            file::answer(part, Some((&next, request)))
        }
        Operation::ReplayLeads => ok(&view::replayed(
            &admin.replay(&customer()?, body(request)?).await?,
        )),
        Operation::ErasePerson => ok(&view::erased(
            admin.erase_person(&customer()?, body(request)?).await?,
        )),
        Operation::FindPerson => ok(&view::held(
            &admin.find_person(&customer()?, body(request)?).await?,
        )),
        Operation::CountLeads => {
            let customer = customer()?;
            let counted = admin.counts(&customer, query(request)).await?;
            ok(&view::counts(&customer, &counted))
        }
        Operation::ReleaseLead => {
            body(request)?.expect_empty()?;
            ok(&view::lead(
                &admin.release_lead(&parsed(id, "lead")?).await?,
            ))
        }
        Operation::GetReceipt => {
            let receipt = admin.receipt(&parsed(id, "lead")?).await?;
            let signer = Signer::of(&admin.keys)?;
            let now = admin.clock.now();
            ok(&view::receipt(signer.sign(
                &receipt,
                &admin.public_url,
                now,
            )?))
        }
        Operation::Suppress => ok(&view::suppression(
            &admin.suppress(&customer()?, body(request)?).await?,
        )),
        Operation::Unsuppress => done(admin.unsuppress(&customer()?, body(request)?).await?),
        Operation::ListSuppressions => ok(&view::suppressions(
            &admin.suppressions(&customer()?, query(request)).await?,
        )),
        Operation::PutApp => {
            let id = answer::parsed_new(id, "app_id")?;
            ok(&view::app(&admin.put_app(&id, body(request)?).await?))
        }
        Operation::GetBudget => ok(&view::budget(&admin.spending(query(request)).await?)),
        Operation::GetHealth => ok(&view::health(&admin.health().await)),
    })
}

fn ok(view: &impl serde::Serialize) -> Response<Body> {
    json(StatusCode::OK, view)
}

fn created(view: &impl serde::Serialize) -> Response<Body> {
    json(StatusCode::CREATED, view)
}

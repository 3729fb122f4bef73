//! Downloads of CSV files.

use jiff::SignedDuration;
use leadfeed_shared::fakes::Fault;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::commands::{create_form, sign_up};
use crate::deployment::{Deployment, TOKEN, leadfeed};

#[tokio::test]
async fn csv_file_is_saved_under_its_name_without_overwriting_another() {
    let deployment = Deployment::new().await;
    let form = create_form(&deployment).await;
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().to_str().unwrap();
    let csv = ["csv", "engines", "--into", into];

    sign_up(&deployment, &form, "ada@example.com").await;
    let first = deployment.json(&csv).await;
    deployment
        .memory
        .clock
        .advance(SignedDuration::from_secs(1));
    sign_up(&deployment, &form, "bo@example.com").await;
    let second = deployment.json(&csv).await;

    for (saved, name, address) in [
        (
            &first,
            "engines-undelivered-2026-11-23-part-1.csv",
            "ada@example.com",
        ),
        (
            &second,
            "engines-undelivered-2026-11-23-part-1.2.csv",
            "bo@example.com",
        ),
    ] {
        let path = std::path::Path::new(saved["file"].as_str().unwrap());
        assert_eq!(path, folder.path().join(name));
        let file = std::fs::read_to_string(path).unwrap();
        assert!(file.starts_with("Email Address,") && file.contains(address));
        assert_eq!(saved["rows"], 1);
    }
    let of_form = [&csv[..], &["--status", "exported", "--form", &form]].concat();
    let both = deployment.json(&of_form).await;
    assert_eq!(both["rows"], 2);
    assert!(both["file"].as_str().unwrap().contains(&form), "{both}");
    assert_eq!(count_files(folder.path()), 3, "no temporary file is left");
}

fn count_files(folder: &std::path::Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[tokio::test]
async fn no_lead_is_marked_if_the_file_cannot_be_created() {
    let deployment = Deployment::new().await;
    let form = create_form(&deployment).await;
    sign_up(&deployment, &form, "ada@example.com").await;
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let csv = ["csv", "engines", "--into", missing.to_str().unwrap()];

    let (output, succeeded) = deployment.leadfeed(&csv).await;

    assert!(
        !succeeded && output.contains("cannot create a file"),
        "{output}"
    );
    assert_eq!(deployment.memory.ledger.all()[0].exported_at, None);
}

#[tokio::test]
async fn leads_marked_by_a_failed_download_can_be_fetched_as_the_error_says() {
    let mut marked = 0;
    for step in 1.. {
        let deployment = Deployment::new().await;
        let form = create_form(&deployment).await;
        sign_up(&deployment, &form, "ada@example.com").await;
        let folder = tempfile::tempdir().unwrap();
        let into = folder.path().to_str().unwrap();
        let faults = &deployment.memory.faults;
        faults.at(faults.steps() + step, Fault::FailAfter);

        let csv = ["csv", "engines", "--into", into];
        let (output, succeeded) = deployment.leadfeed(&csv).await;

        if succeeded {
            break;
        }
        assert!(output.contains("leadfeed csv engines --status exported"));
        assert_eq!(count_files(folder.path()), 0, "step {step}");
        if deployment.memory.ledger.all()[0].exported_at.is_some() {
            marked += 1;
            let retry = [&csv[..], &["--status", "exported"]].concat();
            assert_eq!(deployment.json(&retry).await["rows"], 1, "step {step}");
        }
    }
    assert!(marked > 0);
}

#[tokio::test]
async fn interrupted_download_leaves_no_file_and_says_how_to_continue() {
    const CUT_OFF: &str = "HTTP/1.1 200 OK\r\ncontent-disposition: attachment; filename=\"a.csv\"\r\n\
                        content-length: 1000\r\n\r\nEmail Address,";
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let stack = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let received = stream.read(&mut [0; 4_096]).await.unwrap();
        assert!(received > 0);
        stream.write_all(CUT_OFF.as_bytes()).await.unwrap();
    };
    let folder = tempfile::tempdir().unwrap();
    let csv = ["csv", "engines", "--into", folder.path().to_str().unwrap()];

    let ((), (output, succeeded)) = tokio::join!(stack, leadfeed(&url, TOKEN, &csv));

    assert!(
        !succeeded && output.contains("--status exported"),
        "{output}"
    );
    assert!(output.contains("the download was interrupted"), "{output}");
    assert_eq!(count_files(folder.path()), 0);
}

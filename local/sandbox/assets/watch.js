// Puts each call on top of the table as it completes, and keeps the figures fresh.
const calls = document.getElementById("calls");
const live = document.getElementById("live");
const MOST = 200;

function tone(status) {
  if (status === null) return "bad";
  if (status === 429) return "warn";
  return status < 400 ? "good" : "bad";
}

function element(name, text, style = "") {
  const made = document.createElement(name);
  made.textContent = text ?? "";
  made.className = style;
  return made;
}

function row(call) {
  const line = document.createElement("tr");
  const [at, asked, app, address, status, outcome, took] = Array.from({ length: 7 }, () => line.insertCell());
  at.textContent = call.at.slice(11, 23);
  asked.append(element("b", call.method), ` ${call.route}`);
  app.textContent = call.client_id ?? "";
  address.textContent = call.address ?? "";
  status.append(element("span", call.status ?? "–", `pill ${tone(call.status)}`));
  outcome.textContent = call.outcome;
  took.textContent = `${(call.took_us / 1000).toFixed(1)} ms`;
  took.className = "number";
  return line;
}

const journal = new EventSource(calls.dataset.live);
journal.onopen = () => { live.textContent = "as they come"; };
journal.onerror = () => { live.textContent = "the sandbox is gone"; };
journal.onmessage = (event) => {
  calls.querySelector(".none")?.remove();
  calls.prepend(row(JSON.parse(event.data)));
  while (calls.rows.length > MOST) calls.deleteRow(-1);
};

setInterval(async () => {
  const answer = await fetch("/").catch(() => null);
  if (!answer?.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of ["[data-fresh]", "#clock"]) {
    const [old, renewed] = [document.querySelectorAll(part), fresh.querySelectorAll(part)];
    old.forEach((element, at) => {
      if (!element.contains(document.activeElement)) element.replaceChildren(...renewed[at].childNodes);
    });
  }
}, 2000);

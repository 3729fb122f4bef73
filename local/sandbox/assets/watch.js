// Puts each call on top of the table as it completes, and keeps the gauges fresh.
const calls = document.getElementById("calls");
const MOST = 200;

function tone(status) {
  if (status === null) return "bad";
  if (status === 429) return "warn";
  return status < 400 ? "good" : "bad";
}

function row(call) {
  const line = document.createElement("tr");
  line.className = tone(call.status);
  const cells = [
    call.at.slice(11, 23), `${call.method} ${call.route}`, call.client_id, call.address,
    call.status ?? "–", call.outcome,
  ];
  for (const text of cells) {
    line.insertCell().textContent = text ?? "";
  }
  return line;
}

new EventSource(calls.dataset.live).onmessage = (event) => {
  calls.prepend(row(JSON.parse(event.data)));
  while (calls.rows.length > MOST) calls.deleteRow(-1);
};

setInterval(async () => {
  const fresh = new DOMParser().parseFromString(await (await fetch("/")).text(), "text/html");
  for (const part of [".grid", "#clock"]) {
    const [old, renewed] = [document.querySelectorAll(part), fresh.querySelectorAll(part)];
    old.forEach((element, at) => element.replaceChildren(...renewed[at].childNodes));
  }
}, 2000);

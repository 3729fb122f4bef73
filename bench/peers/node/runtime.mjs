// Takes events from Lambda's runtime API and hands them to the handler: the least that does it, so that what is
// measured is the function. Lambda's own loop does more.

import { Agent, request } from "node:http";

const { AWS_LAMBDA_RUNTIME_API: host } = process.env;
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

function call(method, path, body) {
  const headers = body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
  const url = `http://${host}/2018-06-01/runtime/${path}`;
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, agent, headers }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("end", () => resolve({ id: answer.headers["lambda-runtime-aws-request-id"], body: Buffer.concat(parts) }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

const { handler } = await import("./handler.mjs");
for (;;) {
  const { id, body } = await call("GET", "invocation/next");
  try {
    await call("POST", `invocation/${id}/response`, JSON.stringify(await handler(JSON.parse(body))));
  } catch (error) {
    const problem = { errorType: error.name, errorMessage: error.message };
    await call("POST", `invocation/${id}/error`, JSON.stringify(problem));
  }
}

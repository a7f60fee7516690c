// Verifies a signed event with the official library of Standard Webhooks: node webhook.mjs FILE
import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";

const { secrets, headers, body } = JSON.parse(readFileSync(process.argv[2], "utf8"));
for (const secret of secrets) {
  const event = new Webhook(secret).verify(body, headers);
  if (event.specversion !== "1.0" || event.type !== "plan.approved" || event.data.sequence !== 42) {
    throw new Error("another event: " + JSON.stringify(event));
  }
}
for (const [secret, text] of [[secrets[0], body.replace("b07", "b08")], ["whsec_" + "A".repeat(43) + "=", body]]) {
  let passed = true;
  try {
    new Webhook(secret).verify(text, headers);
  } catch {
    passed = false;
  }
  if (passed) {
    throw new Error("a changed event or another secret was accepted");
  }
}

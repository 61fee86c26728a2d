// Runs graphql-http's audits of GraphQL over HTTP against a server, and prints the results.
import { serverAudits } from "graphql-http";

const [url, token] = process.argv.slice(2);
const fetchFn = (input, init = {}) =>
  fetch(input, { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } });

const results = [];
for (const audit of serverAudits({ url, fetchFn })) {
  const result = await audit.fn();
  const reason = result.status === "ok" ? null : String(result.reason);
  results.push({ id: audit.id, name: audit.name, status: result.status, reason });
}
console.log(JSON.stringify(results));

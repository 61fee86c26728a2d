"use strict";

const place = document.getElementById("graphiql");
const endpoint = new URL(place.dataset.endpoint, window.location.href);

// Tokens live in this page's memory only. `shouldPersistHeaders: false` is not enough for that:
// GraphiQL 3.8.3 writes the headers of every query that was run into its history ("queries",
// "favorites") all the same, so whatever goes into localStorage passes through here.
const HEADERS_ENTRY = "graphiql:headers";
const ENTRIES_WITH_HEADERS = ["graphiql:queries", "graphiql:favorites", "graphiql:tabState"];

function withoutHeaders(text) {
  const drop = (key, value) => (key === "headers" || key === "hash" ? null : value);
  return JSON.stringify(JSON.parse(text, drop));
}

// Named by path, so that a token that another GraphiQL page of this origin stored is not read.
const namespace = `fraiseql-strawberry:${window.location.pathname}:`;
const storedKeys = () => Object.keys(localStorage).filter((key) => key.startsWith(namespace));
const storage = {
  getItem: (key) => localStorage.getItem(namespace + key),
  setItem(key, value) {
    if (key === HEADERS_ENTRY) return;
    const safe = ENTRIES_WITH_HEADERS.includes(key) ? withoutHeaders(value) : value;
    localStorage.setItem(namespace + key, safe);
  },
  removeItem: (key) => localStorage.removeItem(namespace + key),
  clear: () => storedKeys().forEach((key) => localStorage.removeItem(key)),
  get length() {
    return storedKeys().length;
  },
};

const DEFAULT_HEADERS = `{
  "Authorization": "Bearer "
}`;

const DEFAULT_QUERY = `# The tenant comes from your token: open "Headers" below and put the token
# after "Bearer ". It stays in this page and is gone when the page is closed
# or loaded again.
#
# Ctrl-Enter runs the query, Ctrl-Space completes it.

`;

// An Authorization header without a token yet would be a 401; without the header, introspection
// works and the documentation loads.
function filledIn(headers) {
  const given = Object.entries(headers || {}).filter(
    ([, value]) => !["", "bearer"].includes(String(value).trim().toLowerCase()),
  );
  const csrf = Cookies.get("csrftoken");
  return { ...(csrf ? { "x-csrftoken": csrf } : {}), ...Object.fromEntries(given) };
}

const send = GraphiQL.createFetcher({
  url: endpoint.href,
  subscriptionUrl: endpoint.href.replace(/^http/, "ws"),
});
const fetcher = (operation, options) =>
  send(operation, { ...options, headers: filledIn(options?.headers) });

const page = React.createElement(
  GraphiQL,
  {
    fetcher,
    storage,
    plugins: [GraphiQLPluginExplorer.explorerPlugin()],
    defaultQuery: DEFAULT_QUERY,
    defaultHeaders: DEFAULT_HEADERS,
    defaultEditorToolsVisibility: "headers",
    isHeadersEditorEnabled: true,
    shouldPersistHeaders: false,
    inputValueDeprecation: true,
  },
  React.createElement(GraphiQL.Logo, null, "fraiseql-strawberry"),
);
ReactDOM.createRoot(place).render(page);

// PostGraphile 5 over the same tables, with the same tokens: `node postgraphile.cjs`.
//
// Found through NODE_PATH, since it is installed outside of the project. It says `ready PORT`,
// and ends with its standard input, as the Python contestants do.
"use strict";

const { createServer } = require("node:http");
const jsonwebtoken = require("jsonwebtoken");
const { postgraphile } = require("postgraphile");
const { grafserv } = require("postgraphile/grafserv/node");
const { PostGraphileAmberPreset } = require("postgraphile/presets/amber");
const { makePgService } = require("postgraphile/adaptors/pg");
const { jsonPgSmartTags, extendSchema, gql } = require("postgraphile/utils");
const { context } = require("postgraphile/grafast");
const { PgAggregatesPreset } = require("@graphile/pg-aggregates");

const tags = jsonPgSmartTags({
  version: 1,
  config: {
    class: {
      "app.tb_user": { tags: { name: "user", unique: "id" } },
      "app.tb_post": {
        tags: { name: "post", unique: "id", behavior: "+connection +query:resource:connection" },
      },
      "app.tb_comment": { tags: { name: "comment", unique: "id" } },
      "app.v_user": { tags: { behavior: "-*" } },
      "app.v_post": { tags: { behavior: "-*" } },
      "app.v_comment": { tags: { behavior: "-*" } },
      "app.tb_entry": { tags: { behavior: "-*" } },
      "app.v_entry": { tags: { behavior: "-*" } },
    },
    constraint: {
      "app.tb_post.tb_post_tenant_id_user_id_fkey": { tags: { fieldName: "author" } },
      "app.tb_comment.tb_comment_tenant_id_user_id_fkey": { tags: { fieldName: "author" } },
      "app.tb_comment.tb_comment_tenant_id_post_id_fkey": {
        tags: { fieldName: "post", foreignSimpleFieldName: "commentsList" },
      },
    },
  },
});

// The custom field beside the tables.
const viewer = extendSchema(() => ({
  typeDefs: gql`
    extend type Query {
      viewer: String!
    }
  `,
  objects: { Query: { plans: { viewer: () => context().get("userId") } } },
}));

function grafastContext({ node }) {
  const header = node?.req.headers.authorization;
  if (!header) return {};
  const claims = jsonwebtoken.verify(header.slice("Bearer ".length), process.env.JWT_SECRET, {
    algorithms: ["HS256"],
  });
  return { userId: claims.sub, pgSettings: { "app.tenant_id": claims.tenant_id } };
}

const preset = {
  extends: [PostGraphileAmberPreset, PgAggregatesPreset],
  plugins: [tags, viewer],
  disablePlugins: ["NodePlugin"], // it would take the name `id`
  pgServices: [
    makePgService({
      connectionString: process.env.DATABASE_URL,
      schemas: ["app"],
      pubsub: false,
      poolConfig: { min: 1, max: Number(process.env.POOL_SIZE) },
    }),
  ],
  schema: { defaultBehavior: "+list +query:resource:list +manyRelation:resource:list -connection" },
  grafast: { explain: false, context: grafastContext },
  grafserv: { graphqlPath: "/graphql", graphiql: false, watch: false, websockets: false },
};

async function main() {
  const serv = postgraphile(preset).createServ(grafserv);
  const server = createServer({ keepAliveTimeout: 600_000 });
  await serv.addTo(server);
  server.listen(0, "127.0.0.1", () => console.log(`ready ${server.address().port}`));
  process.stdin.resume().on("end", () => process.exit(0));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});

// nodemailer as its pages show it: a pooled transport with DKIM, each mail filled in, inlined by juice, and sent.
//
// node nodemailer.mjs SPEC: reads {modules, host, port, connections, from, dkim, warm, mails, templates}, prints {sent, tookS}.
// Each template is one reader's digest as Jinja left it, but for the reader's own values, [[name]]: to fill them in is
// all that is left to do, which is less than a template engine would do. juice then inlines it, for each mail anew.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const spec = JSON.parse(readFileSync(process.argv[2], "utf8"));
const require = createRequire(`${spec.modules}/`);
const juice = require("juice");
const transport = require("nodemailer").createTransport({
  pool: true,
  host: spec.host,
  port: spec.port,
  secure: false,
  ignoreTLS: true,
  maxConnections: spec.connections,
  maxMessages: Infinity,
  dkim: spec.dkim,
});

const filled = (text, own) => text.replace(/\[\[(\w+)\]\]/g, (_, name) => own[name]);

function mail(number) {
  const { own, subject, text, html } = spec.templates[number % spec.templates.length];
  return {
    from: spec.from,
    to: own.address,
    subject,
    text: filled(text, own),
    html: juice(filled(html, own)),
  };
}

// The next mail is made when the pool has room for it, as nodemailer's page on pooled connections says.
function send(count) {
  return new Promise((resolve, reject) => {
    let given = 0;
    let sent = 0;
    const next = () => {
      while (transport.isIdle() && given < count) {
        transport.sendMail(mail(given++), (error) => {
          if (error) return reject(error);
          if (++sent === count) return resolve(sent);
          next();
        });
      }
    };
    next();
  });
}

await send(spec.warm); // compiled by then, as it would be in a process that runs
const began = process.hrtime.bigint();
const sent = await send(spec.mails);
const tookS = Number(process.hrtime.bigint() - began) / 1e9;
transport.close();
process.stdout.write(JSON.stringify({ sent, tookS }));

// BullMQ on Redis with LiquidJS: one job per run, messages in Redis too.
// Usage: node bullmq_peer.mjs NODE_MODULES FOLDER
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';

const [modules, folder] = process.argv.slice(2);
const require = createRequire(join(modules, 'from.js'));
const { Queue, Worker } = require('bullmq');
const { Liquid } = require('liquidjs');
const Redis = require('ioredis');

const CONCURRENCY = 64;
const job = JSON.parse(readFileSync(join(folder, 'job.json'), 'utf8'));
const connection = { path: job.redis, maxRetriesPerRequest: null };
const engine = new Liquid({ outputEscape: 'escape' });
const templates = {};
for (const [name, text] of Object.entries(job.templates)) templates[name] = engine.parse(text);

const redis = new Redis(connection);
const queue = new Queue('runs', { connection });
const sink = (key) => key;
let began = 0;
let done = 0;

async function run({ data: item }) {
  began ||= performance.now();
  const texts = {};
  for (const name in templates) texts[name] = engine.renderSync(templates[name], item);
  const mail = randomUUID();
  const feed = randomUUID();
  await redis.multi()
    .hset(`message:${feed}`, { run: item.order, status: 'delivered', content: texts.feed })
    .hset(`message:${mail}`, {
      run: item.order, status: 'queued',
      content: JSON.stringify({ subject: texts.subject, html: texts.html }),
    })
    .exec();
  sink(mail);
  await redis.hset(`message:${mail}`, 'status', 'sent');
}

const jobs = job.items.map((data) => ({ name: 'run', data, opts: { removeOnComplete: true } }));
for (let at = 0; at < jobs.length; at += 500) await queue.addBulk(jobs.slice(at, at + 500));

const worker = new Worker('runs', run, { connection, concurrency: CONCURRENCY });
await new Promise((resolve, reject) => {
  worker.on('completed', () => { if (++done === jobs.length) resolve(); });
  worker.on('failed', (_, error) => reject(error));
});
const seconds = (performance.now() - began) / 1000;
const messages = (await redis.keys('message:*')).length;
console.log(JSON.stringify({ seconds, messages, workers: CONCURRENCY }));
process.exit(0);

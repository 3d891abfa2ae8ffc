// The walk of the script `browser`: every step fails with what was there instead.
const assert = require('node:assert/strict');
const { chromium } = require('playwright-core');

const [url, shots] = process.argv.slice(2);
const host = new URL(url).host;
const errors = [];

/** A page whose console errors, failed requests and requests to other hosts are kept as errors. */
async function open(browser, options) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on('console', (message) => message.type() === 'error' && errors.push(`console: ${message.text()} ${message.location().url}`));
  page.on('pageerror', (error) => errors.push(`page: ${error}`));
  page.on('requestfailed', (request) => errors.push(`failed: ${request.url()} ${request.failure()?.errorText}`));
  page.on('request', (request) => {
    const asked = new URL(request.url());
    if (asked.protocol !== 'data:' && asked.protocol !== 'blob:' && asked.host !== host) errors.push(`another host: ${request.url()}`);
  });
  return page;
}

/** Gives the demo client's credentials in the dialog of *Authorize* and ticks all scopes. */
async function authorize(page, client) {
  await page.locator('.scheme-container button.authorize').click();
  const dialog = page.locator('.dialog-ux .modal-ux');
  const logout = dialog.getByText('Logout', { exact: true });
  if (await logout.count()) await logout.click();
  await dialog.locator('#client_id_clientCredentials').fill(client);
  await dialog.locator('#client_secret_clientCredentials').fill('demo');
  const answered = page.waitForResponse((answer) => answer.url().endsWith('/oauth/token'));
  await dialog.locator('button.authorize').first().click();
  const answer = await answered;
  assert.equal(answer.status(), 200, `token for ${client}: ${await answer.text()}`);
  await logout.waitFor();
  await page.screenshot({ path: `${shots}/authorized-${client}.png` });
  await dialog.getByText('Close', { exact: true }).click();
}

/** The page of Swagger UI, every group of operations opened. */
async function documentation(page) {
  await page.goto(`${url}/docs/`, { waitUntil: 'networkidle' });
  await page.locator('.opblock-tag').first().waitFor();
  const closed = page.locator('.opblock-tag[data-is-open=false]');
  while (await closed.count()) await closed.first().click();
  await page.locator('.opblock').first().waitFor();
}

/** Opens an operation (the page has *Try it out* on from the start), lets `prepare` change the form, *Execute*; answers the response. */
async function execute(page, operation, prepare = async () => {}) {
  const block = page.locator(`.opblock[id$="-${operation}"]`);
  await block.locator('.opblock-summary-control').click();
  await block.locator('button.execute').waitFor();
  await prepare(block);
  const answered = page.waitForResponse((answer) => new URL(answer.url()).pathname.startsWith('/v1/'));
  await block.locator('button.execute').click();
  const answer = await answered;
  await block.locator('.live-responses-table tbody .response-col_status').waitFor();
  const shown = await block.locator('.live-responses-table tbody .response-col_status').innerText();
  assert.ok(shown.startsWith(String(answer.status())), `Swagger UI shows ${shown}, the answer was ${answer.status()}`);
  // What a person sees now.
  await block.locator('.live-responses-table').evaluate((shown) => shown.scrollIntoView({ block: 'center' }));
  await page.screenshot({ path: `${shots}/${operation}.png` });
  return { answer, block };
}

async function main() {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
  try {
    const page = await open(browser, { viewport: { width: 1280, height: 1000 } });
    await documentation(page);
    const operations = await page.locator('.opblock').count();
    const document = await (await page.request.get(`${url}/openapi/v1.json`)).json();
    const declared = Object.values(document.paths).flatMap((path) => Object.keys(path).filter((key) => ['get', 'put', 'post', 'patch', 'delete'].includes(key)));
    assert.equal(operations, declared.length, 'operations on the page and in the document');
    await page.screenshot({ path: `${shots}/docs.png` });

    // An operator reads: 200 with items.
    await authorize(page, 'demo-operator-1');
    const listed = await execute(page, 'list_partnerships');
    assert.equal(listed.answer.status(), 200, await listed.answer.text());
    assert.ok((await listed.answer.json()).items.length > 0, 'partnerships are listed');

    // The region writes what the page offers as example: 201, and the same again is a conflict, not a fault.
    await authorize(page, 'demo-region');
    const created = await execute(page, 'create_organisation');
    assert.equal(created.answer.status(), 201, await created.answer.text());
    const again = page.waitForResponse((answer) => new URL(answer.url()).pathname === '/v1/organisations');
    await created.block.locator('button.execute').click();
    const second = await again;
    assert.equal(second.status(), 409, `the same once more: ${await second.text()}`);

    // On a telephone.
    const narrow = await open(browser, { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true });
    await documentation(narrow);
    const wide = await narrow.evaluate(() => window.document.documentElement.scrollWidth);
    assert.ok(wide <= 400, `a narrow page scrolls sideways: ${wide} px`);
    await narrow.screenshot({ path: `${shots}/docs-narrow.png` });

    // The page that a problem's `type` names.
    const explained = await page.goto((await second.json()).type);
    assert.equal(explained.status(), 200);
    await page.screenshot({ path: `${shots}/problem.png` });

    // Chromium writes a console error for every answer of 4xx: the one that was provoked is expected.
    const unexpected = errors.filter((error) => !/status of 409/.test(error));
    assert.deepEqual(unexpected, [], 'console errors, failed requests, other hosts');
    console.log(`${operations} operations; list ${listed.answer.status()}, create ${created.answer.status()}, again ${second.status()}; nothing in the console`);
  } catch (error) {
    for (const [at, page] of browser.contexts().flatMap((context) => context.pages()).entries()) await page.screenshot({ path: `${shots}/failed-${at}.png` });
    throw error;
  } finally {
    await browser.close();
  }
}

main().catch((error) => {
  console.error(error, errors);
  process.exitCode = 1;
});

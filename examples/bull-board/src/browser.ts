/** The board as somebody in front of it uses it. */
import { strict as assert } from 'node:assert';
import type { Locator, Page } from 'playwright-core';

const TIP_MS = 3000;

export class Board {
  readonly #page: Page;
  readonly #url: string;
  readonly problems: string[] = [];

  constructor(page: Page, url: string) {
    this.#page = page;
    this.#url = url;
    page.on('pageerror', (error) => this.problems.push(String(error)));
    page.on('response', (response) => {
      if (response.status() >= 400) this.problems.push(`${response.status()} ${response.url()}`);
    });
  }

  /** Opens a page of the board and waits for a text on it. */
  async open(path: string, text: string): Promise<void> {
    await this.#page.goto(`${this.#url}${path}`);
    await this.see(text);
  }

  async see(text: string): Promise<void> {
    await this.#page.getByText(text).first().waitFor();
  }

  /** Where there is none, the page says so. */
  async seeNone(status: string): Promise<void> {
    await this.see(`No ${status} jobs in this queue.`);
  }

  /** Clicks a button of a job that shows its name only under the pointer. The name of the one before has to be gone: it may come late. */
  async press(name: string): Promise<void> {
    const buttons = this.#page.locator('main button:not([role]):not([aria-haspopup])').filter({ hasNotText: /\S/u });
    const tip = this.#page.locator('[data-base-ui-portal]').getByText(/\S/u).first();
    for (const button of await buttons.all()) {
      await this.#page.mouse.move(0, 0);
      await tip.waitFor({ state: 'hidden' });
      await button.hover();
      if (!(await appears(tip, TIP_MS)) || (await tip.innerText()).trim() !== name) continue;
      await button.click();
      return;
    }
    assert.fail(`no button "${name}"`);
  }

  /** Of a tab of a job: its text. */
  async tab(name: string): Promise<string> {
    await this.#page.getByRole('tab', { name }).click();
    return this.#page.getByRole('tabpanel').innerText();
  }

  /** Picks from the menu of the queue. */
  async choose(item: string): Promise<void> {
    await this.#page.locator('main button[aria-haspopup=menu]').last().click();
    await this.#page.getByRole('menuitem', { name: item, exact: true }).click();
  }

  async confirm(): Promise<void> {
    await this.#page.getByRole('button', { name: 'Confirm' }).click();
  }

  /** Fills the form for a new job and sends it. */
  async add(name: string | undefined, data: string | undefined): Promise<void> {
    const form = this.#page.getByRole('dialog');
    if (name !== undefined) await form.locator('#job-name').fill(name);
    if (data !== undefined) {
      await form.getByRole('textbox').and(form.locator('.cm-content')).first().click();
      await this.#page.keyboard.press('Control+A');
      await this.#page.keyboard.insertText(data);
    }
    await form.getByRole('button', { name: /^(?:Add|Duplicate)$/u }).click();
    await form.waitFor({ state: 'hidden' });
  }

  async picture(path: string): Promise<void> {
    await this.#page.screenshot({ path, fullPage: true });
  }
}

function appears(what: Locator, withinMs: number): Promise<boolean> {
  const waited = what.waitFor({ timeout: withinMs });
  return waited.then(
    () => true,
    () => false,
  );
}

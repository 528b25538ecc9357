"""The page of an invoice: its files, crediting it with a look first, sending it again."""

from sqlalchemy import text


def test_a_clerk_looks_at_a_credit_before_it_is_issued(site):
    browser, url = site.browser("bo"), f"/invoices/{site.town.invoice}"
    assert f'href="{url}/credit"' in browser.get(url).text
    page = browser.get(f"{url}/credit").text
    assert page.count('type="checkbox"') == page.count(" checked>") > 1
    looked = browser.post(f"{url}/credit", data={"lines": ["1"], "reason": "waived", "step": "preview"}).text
    assert "Issue the credit note" in looked
    assert "waived" in looked
    with site.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM credit")).scalar() == 0
    done = browser.post(f"{url}/credit", data={"lines": ["1"], "reason": "waived", "step": "issue"})
    assert done.status_code == 303
    note = browser.get(done.headers["location"]).text
    assert f'Credits <a href="{url}">' in note
    assert "Every step, computed again just now" in note
    back = browser.get(url).text
    assert "waived" in back
    assert "Credited by" in back
    assert browser.get(f"{url}/credit").text.count("Credited</span>") == 1


def test_a_credit_of_no_line_or_without_reason_says_so(site):
    browser, url = site.browser("bo"), f"/invoices/{site.town.invoice}/credit"
    assert "Name each line once, and at least one" in browser.post(url, data={"reason": "x"}).text
    assert "A credit needs a reason" in browser.post(url, data={"lines": ["1"], "step": "issue"}).text


def test_an_invoice_offers_its_files_and_says_how_far_it_is(site):
    browser, url = site.browser("bo"), f"/invoices/{site.town.invoice}"
    with site.engine.begin() as connection:
        connection.execute(text("UPDATE delivery SET state = 'failed', problem = 'the printer is on fire'"))
        connection.execute(text("UPDATE customer SET einvoice_address = '0216:003720840699'"))
        delivery_id = connection.execute(text("SELECT id FROM delivery")).scalar()
    page = browser.get(url).text
    assert "the printer is on fire" in page
    assert browser.get(f"{url}/ubl").content.startswith(b"<?xml")
    assert "customer.einvoice_operator" in browser.get(f"{url}/finvoice").text
    assert browser.post(f"{url}/deliveries/{delivery_id}/resend").status_code == 303
    assert "the printer is on fire" not in browser.get(url).text


def test_who_only_reads_cannot_credit(site):
    browser, url = site.browser("rita"), f"/invoices/{site.town.invoice}"
    assert "/credit" not in browser.get(url).text
    assert browser.get(f"{url}/credit").status_code == 403

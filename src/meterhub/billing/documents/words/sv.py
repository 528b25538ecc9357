"""Words on documents in Swedish."""

WORDS = {
    "invoice": "Faktura",
    "credit_note": "Kreditfaktura",
    "number": "Fakturanummer",
    "issued_on": "Fakturadatum",
    "due_on": "Förfallodag",
    "reference": "Referensnummer",
    "customer_no": "Kundnummer",
    "contract_no": "Avtal",
    "point": "Driftställe",
    "meter": "Vattenmätare",
    "property": "Fastighet",
    "period": "Faktureringsperiod",
    "to_pay": "Att betala",
    "credited": "Krediteras",
    "what": "Specifikation",
    "quantity": "Mängd",
    "unit_price": "Pris",
    "net": "Utan moms",
    "vat": "Moms",
    "gross": "Med moms",
    "total": "Totalt",
    "readings": "Mätarställningar",
    "opening": "Ingående",
    "closing": "Utgående",
    "used": "Förbrukning",
    "basis_read": "avläst",
    "basis_interpolated": "fjärravläst, vid midnatt",
    "basis_invoice": "föregående fakturas utgående ställning",
    "basis_next_invoice": "nästa fakturas ingående ställning",
    "basis_estimated": "uppskattning",
    "chart_day": "Vattenförbrukning per dag (liter)",
    "chart_week": "Vattenförbrukning per vecka (liter per dag)",
    "chart_month": "Vattenförbrukning per månad (m³)",
    "chart_none": "Hur förbrukningen gick under denna period är inte känt.",
    "mean_day": "i medeltal {value} liter per dag",
    "how": "Så har fakturan räknats",
    "prices_from": "Prislista: {name}.",
    "year": "år",
    "month": "mån",
    "days": "dagar",
    "payee_account": "Mottagarens\nkontonummer",
    "payee": "Mottagare",
    "payer": "Betalare",
    "amount": "Euro",
    "barcode": "Virtuell streckkod",
    "credit_text": "Det finns inget att betala. Beloppet dras av på nästa faktura.",
    "business_id": "FO-nummer",
    "questions": "Frågor om fakturan?",
    "page": "Sida",
    "WATER": "Vatten, bruksavgift",
    "WASTEWATER": "Avloppsvatten, bruksavgift",
    "BASE_WATER": "Vatten, grundavgift",
    "BASE_WASTEWATER": "Avloppsvatten, grundavgift",
    "STORMWATER": "Dagvattenavgift",
    "MINIMUM": "Tillägg till minimiavgiften",
    "interest_invoice": "Räntefaktura",
    "reminder": "Betalningspåminnelse",
    "collection_warning": "Betalningskrav",
    "disconnection_warning": "Varning om avstängning av vattnet",
    "credits": "Krediterar faktura",
    "original": "Faktura",
    "original_amount": "Fakturans belopp",
    "open": "Obetalt",
    "page_qr": "Betala med bankens app: läs koden",
    "reminder_text": (
        "Enligt vår bokföring är fakturorna nedan helt eller delvis obetalda. Vi ber dig betala det öppna "
        "beloppet senast {due}. Om du redan har betalat behöver du inte göra något. Kontakta oss om du "
        "anser att fakturan är fel eller om du inte kan betala i tid."
    ),
    "collection_warning_text": (
        "Fakturorna nedan är obetalda trots påminnelse. Om det öppna beloppet inte betalas senast {due} kan "
        "fordran överföras till indrivning från och med {acts_on}. Indrivningen medför extra kostnader. "
        "Kontakta oss före förfallodagen om du bestrider fordran eller vill komma överens om en "
        "betalningsplan."
    ),
    "disconnection_warning_text": (
        "Fakturorna nedan är obetalda trots påminnelse. Om det öppna beloppet inte betalas senast {due} kan "
        "vattnet till fastigheten {premises} stängas av tidigast {acts_on}. För avstängning och öppning tas "
        "avgifter enligt prislistan ut, och alla förfallna fordringar ska betalas före öppningen. Om "
        "betalningen har försummats på grund av sjukdom, arbetslöshet eller annan orsak som inte beror på "
        "dig, meddela det genast: tidsfristen förlängs."
    ),
    "giro_receipt": "Kvitto",
    "giro_payer": "Betalare",
    "giro_payee": "Mottagare",
    "giro_deadline": "Förfallodag",
    "giro_kid": "Referens (KID)",
    "giro_kroner": "Kronor",
    "giro_ore": "Öre",
    "giro_account": "Till konto",
    "interest_row": "{days} dagar, {rate} %, kapital {balance}",
    "no_vat": "Ingen moms tas ut.",
    "INTEREST": "Dröjsmålsränta",
    "REMINDER_FEE": "Påminnelseavgift",
    "COLLECTION_FEE": "Indrivningskostnader",
    "CLOSING_FEE": "Avstängning av vatten",
    "OPENING_FEE": "Öppning av vatten",
    "LEAK_CREDIT": "Läckagekreditering",
    "INTERRUPTION_CREDIT": "Avbrottsgottgörelse",
    "METER_RENT": "Mätarhyra",
    "CONNECTION_WATER": "Anslutningsavgift, vatten",
    "CONNECTION_WASTEWATER": "Anslutningsavgift, avloppsvatten",
    "READING_SERVICE": "Mätaravläsning",
    "letter_number": "Brevnummer",
    "letter_on": "Datum",
    "email_text": (
        "Hej,\n\n{title} {number} finns som bilaga (PDF).\n\n"
        "Frågor? {email}, {phone}\n\n{seller}\n"
    ),
}

"""Words, numbers and dates on the invoice in the customer's language."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

NO_BREAK_SPACE = "\u00a0"
# A narrow space between thousands, as SI and the Nordic languages write it.
THIN_SPACE = "\u202f"


@dataclass(frozen=True, slots=True)
class Language:
    """One language: its words, months and decimal sign."""

    code: str
    decimal_sign: str
    months: tuple[str, ...]
    words: dict[str, str]

    def __getitem__(self, word: str) -> str:
        return self.words[word]

    def number(self, value: Decimal, decimals: int | None = None) -> str:
        """Return a number with so many decimals, or all it has, thousands set apart."""
        shown = value if decimals is None else value.quantize(Decimal(1).scaleb(-decimals))
        text = f"{shown:,f}".replace(",", THIN_SPACE).replace(".", self.decimal_sign)
        return text.replace("-", "\u2212")

    def price(self, value: Decimal) -> str:
        """Return a unit price with two decimals, or as many more as it has."""
        exponent = value.normalize().as_tuple().exponent
        assert isinstance(exponent, int)
        return self.number(value, max(2, -exponent))

    def day(self, day: date) -> str:
        """Return a date as people write it."""
        if self.code == "en":
            return NO_BREAK_SPACE.join((str(day.day), self.months[day.month - 1], str(day.year)))
        return f"{day.day}.{day.month}.{day.year}"

    def days(self, start: date, last: date) -> str:
        """Return a period with its last day, the year once if it is one."""
        if start.year == last.year and self.code != "en":
            return f"{start.day}.{start.month}.\u2013{self.day(last)}"
        return f"{self.day(start)} \u2013 {self.day(last)}"


_FI = {
    "invoice": "Lasku",
    "credit_note": "Hyvityslasku",
    "number": "Laskun numero",
    "issued_on": "Laskun päivä",
    "due_on": "Eräpäivä",
    "reference": "Viitenumero",
    "customer_no": "Asiakasnumero",
    "contract_no": "Sopimus",
    "point": "Käyttöpaikka",
    "meter": "Vesimittari",
    "property": "Kiinteistö",
    "period": "Laskutusjakso",
    "to_pay": "Maksettava",
    "credited": "Hyvitetään",
    "what": "Erittely",
    "quantity": "Määrä",
    "unit_price": "Hinta",
    "net": "Veroton",
    "vat": "ALV",
    "gross": "Verollinen",
    "total": "Yhteensä",
    "readings": "Mittarilukemat",
    "opening": "Alkulukema",
    "closing": "Loppulukema",
    "used": "Kulutus",
    "basis_read": "luettu",
    "basis_interpolated": "etäluettu, vuorokauden vaihteessa",
    "basis_invoice": "edellisen laskun loppulukema",
    "basis_next_invoice": "seuraavan laskun alkulukema",
    "basis_estimated": "arvio",
    "chart_day": "Vedenkulutus päivittäin (litraa)",
    "chart_week": "Vedenkulutus viikoittain (litraa päivässä)",
    "chart_month": "Vedenkulutus kuukausittain (m³)",
    "chart_none": "Kulutuksen kulkua tällä jaksolla ei tiedetä.",
    "mean_day": "keskimäärin {value} litraa päivässä",
    "how": "Näin lasku on laskettu",
    "prices_from": "Hinnasto: {name}.",
    "year": "vuosi",
    "month": "kk",
    "days": "pv",
    "payee_account": "Saajan\ntilinumero",
    "payee": "Saaja",
    "payer": "Maksaja",
    "amount": "Euroa",
    "barcode": "Virtuaaliviivakoodi",
    "credit_text": "Tästä hyvityslaskusta ei tarvitse maksaa mitään. Summa vähennetään seuraavasta laskusta.",
    "business_id": "Y-tunnus",
    "questions": "Kysyttävää laskusta?",
    "page": "Sivu",
    "WATER": "Vesi, käyttömaksu",
    "WASTEWATER": "Jätevesi, käyttömaksu",
    "BASE_WATER": "Vesi, perusmaksu",
    "BASE_WASTEWATER": "Jätevesi, perusmaksu",
    "STORMWATER": "Hulevesimaksu",
    "MINIMUM": "Vähimmäismaksun täydennys",
}
_EN = {
    "invoice": "Invoice",
    "credit_note": "Credit note",
    "number": "Number",
    "issued_on": "Date",
    "due_on": "Due date",
    "reference": "Reference",
    "customer_no": "Customer number",
    "contract_no": "Contract",
    "point": "Metering point",
    "meter": "Water meter",
    "property": "Property",
    "period": "Billing period",
    "to_pay": "To pay",
    "credited": "Credited",
    "what": "What for",
    "quantity": "Quantity",
    "unit_price": "Price",
    "net": "Without VAT",
    "vat": "VAT",
    "gross": "With VAT",
    "total": "Total",
    "readings": "Meter readings",
    "opening": "Opening",
    "closing": "Closing",
    "used": "Used",
    "basis_read": "read",
    "basis_interpolated": "read remotely, at midnight",
    "basis_invoice": "closing of the previous invoice",
    "basis_next_invoice": "opening of the next invoice",
    "basis_estimated": "estimate",
    "chart_day": "Water used each day (litres)",
    "chart_week": "Water used in each week (litres a day)",
    "chart_month": "Water used each month (m³)",
    "chart_none": "How the use went over this period is not known.",
    "mean_day": "{value} litres a day on average",
    "how": "How this was computed",
    "prices_from": "Price list: {name}.",
    "year": "year",
    "month": "month",
    "days": "days",
    "payee_account": "Recipient's\naccount",
    "payee": "Recipient",
    "payer": "Payer",
    "amount": "Amount",
    "barcode": "Virtual barcode",
    "credit_text": "There is nothing to pay. The amount is set off against the next invoice.",
    "business_id": "Business ID",
    "questions": "Questions about this invoice?",
    "page": "Page",
    "WATER": "Water, volume charge",
    "WASTEWATER": "Wastewater, volume charge",
    "BASE_WATER": "Water, standing charge",
    "BASE_WASTEWATER": "Wastewater, standing charge",
    "STORMWATER": "Stormwater charge",
    "MINIMUM": "Up to the minimum charge",
}
_SV = {
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
}
_NB = {
    "invoice": "Faktura",
    "credit_note": "Kreditnota",
    "number": "Fakturanummer",
    "issued_on": "Fakturadato",
    "due_on": "Forfallsdato",
    "reference": "KID",
    "customer_no": "Kundenummer",
    "contract_no": "Avtale",
    "point": "Målepunkt",
    "meter": "Vannmåler",
    "property": "Eiendom",
    "period": "Faktureringsperiode",
    "to_pay": "Å betale",
    "credited": "Krediteres",
    "what": "Spesifikasjon",
    "quantity": "Mengde",
    "unit_price": "Pris",
    "net": "Uten mva.",
    "vat": "Mva.",
    "gross": "Med mva.",
    "total": "Sum",
    "readings": "Målerstander",
    "opening": "Startstand",
    "closing": "Sluttstand",
    "used": "Forbruk",
    "basis_read": "avlest",
    "basis_interpolated": "fjernavlest, ved midnatt",
    "basis_invoice": "forrige fakturas sluttstand",
    "basis_next_invoice": "neste fakturas startstand",
    "basis_estimated": "anslag",
    "chart_day": "Vannforbruk per dag (liter)",
    "chart_week": "Vannforbruk per uke (liter per dag)",
    "chart_month": "Vannforbruk per måned (m³)",
    "chart_none": "Hvordan forbruket gikk i denne perioden er ikke kjent.",
    "mean_day": "i gjennomsnitt {value} liter per dag",
    "how": "Slik er fakturaen beregnet",
    "prices_from": "Prisliste: {name}.",
    "year": "år",
    "month": "md.",
    "days": "dager",
    "payee_account": "Mottakers\nkonto",
    "payee": "Mottaker",
    "payer": "Betaler",
    "amount": "Beløp",
    "barcode": "Virtuell strekkode",
    "credit_text": "Det er ingenting å betale. Beløpet trekkes fra neste faktura.",
    "business_id": "Org.nr.",
    "questions": "Spørsmål om fakturaen?",
    "page": "Side",
    "WATER": "Vann, forbruksgebyr",
    "WASTEWATER": "Avløp, forbruksgebyr",
    "BASE_WATER": "Vann, abonnementsgebyr",
    "BASE_WASTEWATER": "Avløp, abonnementsgebyr",
    "STORMWATER": "Overvannsgebyr",
    "MINIMUM": "Tillegg opp til minimumsgebyret",
}

_MONTHS = {
    "fi": ("tammi", "helmi", "maalis", "huhti", "touko", "kesä",
           "heinä", "elo", "syys", "loka", "marras", "joulu"),
    "sv": ("jan", "feb", "mars", "april", "maj", "juni", "juli", "aug", "sep", "okt", "nov", "dec"),
    "nb": ("jan", "feb", "mars", "april", "mai", "juni", "juli", "aug", "sep", "okt", "nov", "des"),
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
}  # fmt: skip

LANGUAGES = {
    code: Language(code, "." if code == "en" else ",", _MONTHS[code], words)
    for code, words in (("fi", _FI), ("sv", _SV), ("nb", _NB), ("en", _EN))
}

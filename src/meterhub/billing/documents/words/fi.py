"""Words on documents in Finnish."""

WORDS = {
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
    "interest_invoice": "Korkolasku",
    "reminder": "Maksumuistutus",
    "collection_warning": "Maksuvaatimus",
    "disconnection_warning": "Varoitus vedentoimituksen keskeyttämisestä",
    "credits": "Hyvittää laskun",
    "original": "Lasku",
    "original_amount": "Laskun summa",
    "open": "Avoinna",
    "page_qr": "Maksa pankkisi sovelluksella: lue koodi",
    "reminder_text": (
        "Alla olevista laskuista on kirjanpitomme mukaan maksamatta vielä osa tai kaikki. Pyydämme "
        "maksamaan avoimen summan viimeistään {due}. Jos olet jo maksanut, tämä kirje ei vaadi "
        "toimenpiteitä. Jos lasku on mielestäsi väärä tai et pysty maksamaan sitä ajoissa, ota yhteyttä."
    ),
    "collection_warning_text": (
        "Alla olevat laskut ovat maksamatta muistutuksesta huolimatta. Jos avointa summaa ei makseta "
        "viimeistään {due}, saatava voidaan siirtää perintään {acts_on} alkaen. Perinnästä aiheutuu "
        "lisäkuluja. Jos kiistät saatavan tai haluat sopia maksusuunnitelmasta, ota yhteyttä ennen "
        "eräpäivää."
    ),
    "disconnection_warning_text": (
        "Alla olevat laskut ovat maksamatta muistutuksesta huolimatta. Jos avointa summaa ei makseta "
        "viimeistään {due}, vedentoimitus kiinteistöön {premises} voidaan keskeyttää aikaisintaan "
        "{acts_on}. Sulkemisesta ja avaamisesta peritään hinnaston mukaiset maksut, ja kaikki erääntyneet "
        "saatavat on maksettava ennen avaamista. Jos maksamattomuus johtuu sairaudesta, työttömyydestä tai "
        "muusta sinusta riippumattomasta syystä, ilmoita siitä heti: määräaika pitenee."
    ),
    "giro_receipt": "Kuitti",
    "giro_payer": "Maksaja",
    "giro_payee": "Saaja",
    "giro_deadline": "Eräpäivä",
    "giro_kid": "Viite (KID)",
    "giro_kroner": "Kruunut",
    "giro_ore": "Äyrit",
    "giro_account": "Tilille",
    "interest_row": "{days} pv, {rate} %, pääoma {balance}",
    "no_vat": "Arvonlisäveroa ei peritä.",
    "INTEREST": "Viivästyskorko",
    "REMINDER_FEE": "Muistutusmaksu",
    "COLLECTION_FEE": "Perintäkulut",
    "CLOSING_FEE": "Vedentoimituksen sulkeminen",
    "OPENING_FEE": "Vedentoimituksen avaaminen",
    "LEAK_CREDIT": "Vuotohyvitys",
    "INTERRUPTION_CREDIT": "Keskeytyshyvitys",
    "METER_RENT": "Mittarivuokra",
    "CONNECTION_WATER": "Liittymismaksu, vesi",
    "CONNECTION_WASTEWATER": "Liittymismaksu, jätevesi",
    "READING_SERVICE": "Mittarin luenta",
    "letter_number": "Kirjeen numero",
    "letter_on": "Päivä",
    "email_text": (
        "Hei,\n\n{title} {number} on tämän viestin liitteenä (PDF).\n\n"
        "Kysyttävää? {email}, {phone}\n\n{seller}\n"
    ),
}

"""Words that say little about what a text is about, and words of everyday work that mean the same in two languages.

English and German; other languages are compared by their own words alone. Everything is in the form of `plain`.
"""

import re
import unicodedata

_MARKS = re.compile("[\u0300-\u036f]+")


def plain(text: str) -> str:
    """One spelling for what looks or reads the same: NFKC, case folded, without the marks on letters."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    return unicodedata.normalize("NFC", _MARKS.sub("", folded))


def _words(text: str) -> frozenset[str]:
    return frozenset(plain(text).split())


STOP_WORDS = _words(
    """
    a about after all also am an and any anything are as at be been before being but by can could did do does doing
    done down for from get gets go goes going got had has have having he her here hers him his how i if in into is it
    its let lets me more most much my no not now of off on once only or other our ours out over own per shall she
    should so some something such than that the their them then there these they this those through to too under
    until up us very was we were what when where which while who whom whose why will with would you your yours
    yes please thanks thank hi hello hey ok okay still again yet just like really same ever never always often
    aber alle allem allen aller alles als also am an ander andere anderen auch auf aus bei beim bin bis bist bitte da
    damit danke dann das dass dein dem den der des dich die dies diese diesem diesen dieser dieses doch dort du durch
    ein eine einem einen einer eines er es etwas euch fur gegen gehort habe haben hat hatte hier hin ich ihm ihn ihr
    ihre im immer in ins ist ja jede jeder jetzt kann kein keine man mehr mein meine meinem meinen meiner mich mir mit
    muss mussen nach nein nicht noch nun nur ob oder ohne schon sehr sein seine sich sie sind so soll sollen sonst
    uber um und uns unser unsere unter viel viele vom von vor wann war waren warum was weil welche welchem welchen
    welcher welches wem wen wenn wer werden wie wieder wir wird wo wohin wollen zu zum zur zwischen hallo
    """
)
"""Say nothing about the matter."""

WEAK_WORDS = _words(
    """
    accept add answer answered ask asked asks bad begin big book bring bigger came change changes cheap check come
    compare continue cut day days decide decided draft end explain few file find finally first fix good great happen
    happened happens help high how job keep know last late later left less line list little long look looking lot
    make many may maybe mean mind minute minutes missing month months morning move name near need needs new news next
    night number old open order page pages part people piece place plan problem put question read ready recommend
    remind replied reply right run said say says second see send sent shorter show shows small soon start started
    stop stopped take tell text thing things think third time times today tomorrow tonight try turn two use used want
    wants way week weekend well went work works write wrong year years yesterday one three four five six seven eight
    nine ten twice january february march april may june july august september october november december monday
    tuesday wednesday thursday friday saturday sunday euro euros
    januar februar marz mai juni juli oktober dezember montag dienstag mittwoch donnerstag freitag samstag sonntag
    andern antwort antworten brauchen drei eins erklare finde fertig frage fragen funf gemacht geht gemeldet geschrieben
    gut heute hoch jahr jahre klein kommt lang letzte mache machen monat morgen nachste neu neue neuen neuer nummer
    schreibe seite sechs stand stimmt tag tage teil uhr vier woche wochen zeigt zeit zwei
    """
)
"""Belong to any matter: they count little when shared, and nothing when not."""

_SAME = """
agreement contract vertrag vereinbarung abkommen
lease rent rental tenancy miete pacht
landlord vermieter
tenant mieter
clause section paragraph klausel absatz abschnitt
penalty vertragsstrafe strafe
liability haftung
delivery deliver lieferung liefern liefer
delay verzug verspatung
supplier lieferant
customer client kunde
employee employment arbeitnehmer arbeits anstellung
employer arbeitgeber
probation trial probezeit
compete competition wettbewerb konkurrenz
notice termination cancel kundigung kundigen
confidentiality confidential nda geheimhaltung vertraulichkeit vertraulich
law recht gesetz
court gericht
licence license lizenz
user nutzer benutzer anwender
price preis
cost kosten
discount rabatt nachlass
purchase buy kauf kaufen
sale sell verkauf verkaufen
seller verkaufer
share anteil aktie
insurance insured insurer versicherung versichert
premium beitrag pramie
damage schaden
invoice bill rechnung
payment pay zahlung zahlen bezahlen
refund erstattung ruckerstattung
complaint beschwerde reklamation
objection widerspruch einspruch
refusal refuse ablehnung abgelehnt
warranty gewahrleistung garantie
tax steuer
declaration return erklarung
account konto
bank bank
budget budget haushalt
board vorstand
report bericht
chapter kapitel
thesis dissertation abschlussarbeit masterarbeit
summary zusammenfassung
study studie
market markt
meeting sitzung besprechung
talk vortrag
slide folie
warehouse stock lager bestand
count zahlen zahlt zahlung
difference differenz unterschied
code quelltext
error fehler
crash absturz absturzt
row zeile
line zeile
import import
search suche
result ergebnis
password passwort kennwort
login anmeldung
backup sicherung
database datenbank
screen bildschirm
phone handy telefon
computer rechner
trip journey travel reise
hotel hotel
flight flug
airport flughafen
train zug bahn
ferry fahre
car auto wagen
boat boot schiff
cabin hutte kabine
ski ski
dog hund
hike hiking wandern wanderung
night nacht nachts
winter winter
summer sommer
spring fruhling
autumn herbst
weather wetter
rain regen
child children kid kind kinder
daughter tochter
son sohn
father vater
mother mutter
twin zwilling
neighbour neighbor nachbar
colleague kollege
doctor arzt
school schule
teacher lehrer
house haus
flat apartment wohnung
kitchen kuche
bathroom bad
roof dach
roofer dachdecker
window fenster
door tur
wall wand
floor boden
sink spule
dishwasher spulmaschine
leak leck
plumber klempner installateur
water wasser
heating heat heizung warme
pump pumpe
radiator heizkorper
electricity power strom
meter zahler
reading stand zahlerstand
boiler kessel
battery batterie akku
solar solar
yield ertrag
degree grad
garden garten
fence zaun
hedge hecke
tree baum
bee biene
parcel package paket
carrier paketdienst
photo picture foto bild
letter brief
damp feucht feuchtigkeit
patch stain spot fleck
attic dachboden
moving umzug
box kiste karton
concert konzert
choir chor
song lied
programme program programm
organ orgel
club verein
guide leitfaden anleitung
onboarding einarbeitung
training schulung
laptop laptop
deadline frist
appointment termin
offer quote angebot
order bestellung auftrag
territory gebiet
percent prozent
"""

NEW_WORDS = _words("a an another new ein eine einen einem einer neu neue neuen neuer neues")
"""Of what is spoken of for the first time."""

REQUESTS = _words(
    """
    book buy calculate create design draft explain find give make order plan prepare recommend suggest summarise
    summarize tell translate write
    berechne bestelle buche empfiehl entwirf erklare erstelle finde mache plane schreib schreibe suche ubersetze
    """
)
"""With which people begin who want something done that was not begun."""

GOING_ON = _words("again already back continue further remind resume still stopped noch schon weiter wieder")
"""Of what was begun before."""


def _meanings() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for words in (line.split() for line in _SAME.strip().splitlines()):
        for word in words:
            found[word] = (*found.get(word, ()), "=" + words[0])
    return found


MEANINGS = _meanings()
"""A word of everyday work, and what stands for each of its meanings."""

WORDS_OF = {"=" + words[0]: tuple(words) for words in (line.split() for line in _SAME.strip().splitlines())}
"""The words of a meaning."""

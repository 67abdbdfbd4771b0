// Dates of the local time zone as numbers, without an object per date: a Date is only asked for the zone's offset,
// once per quarter of an hour, since no zone changes its offset at another moment.

const QUARTER_SECONDS = 900;
const CACHED_QUARTERS = 16; // long-lived TCP streams log accept dates that lie far apart

/** A day of the Gregorian calendar. */
export class CivilDate {
  year = 1970;
  month = 0; // 0–11
  day = 1;

  // From days since 1970, counting years from March so that the leap day comes last.
  protected loadDay(days: number): void {
    const shifted = days + 719_468;
    const era = Math.floor(shifted / 146_097);
    const dayOfEra = shifted - era * 146_097;
    const yearOfEra = Math.floor(
      (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
    );
    const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
    const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
    this.day = dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1;
    this.month = (marchMonth + 2) % 12;
    this.year = yearOfEra + era * 400 + (this.month < 2 ? 1 : 0);
  }
}

export class LocalCalendar extends CivilDate {
  // The moment that load() was last given, with the date above.
  hour = 0;
  minute = 0;
  second = 0;
  offsetMinutes = 0; // east of Greenwich

  private readonly quarters = new Float64Array(CACHED_QUARTERS).fill(Number.NaN);
  private readonly offsets = new Int32Array(CACHED_QUARTERS);

  /** Splits whole seconds since 1970 into the fields above, in local time. */
  load(seconds: number): void {
    this.loadAt(seconds, this.offsetAt(seconds));
  }

  /** As load(), in UTC. */
  loadUtc(seconds: number): void {
    this.loadAt(seconds, 0);
  }

  private loadAt(seconds: number, offsetMinutes: number): void {
    this.offsetMinutes = offsetMinutes;
    const local = seconds + offsetMinutes * 60;
    const days = Math.floor(local / 86_400);
    const secondOfDay = local - days * 86_400;
    this.hour = Math.floor(secondOfDay / 3600);
    this.minute = Math.floor(secondOfDay / 60) % 60;
    this.second = secondOfDay % 60;
    this.loadDay(days);
  }

  private offsetAt(seconds: number): number {
    const quarter = Math.floor(seconds / QUARTER_SECONDS);
    const cell = ((quarter % CACHED_QUARTERS) + CACHED_QUARTERS) % CACHED_QUARTERS;
    if (this.quarters[cell] !== quarter) {
      this.quarters[cell] = quarter;
      this.offsets[cell] = 0 - new Date(quarter * QUARTER_SECONDS * 1000).getTimezoneOffset();
    }
    return this.offsets[cell]!;
  }
}

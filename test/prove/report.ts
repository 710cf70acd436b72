import type { Proof } from './proof.ts'

/** What did not hold; empty where all did. */
export function brokenPromises({ verdict, seen, counted, differences, left, admitted, crashes }: Proof): readonly string[] {
  const { lost, doubled, wrong, charged } = verdict
  return [
    ...(seen.overshoot > 0 ? [`a hard cap was passed by ${seen.overshoot} tokens`] : []),
    ...(lost > 0 ? [`${lost} calls that were let in are not in the ledger`] : []),
    ...(doubled > 0 ? [`${doubled} calls are charged twice, or more than they held`] : []),
    ...(wrong > 0 ? [`${wrong} calls are charged neither what was produced nor, marked so, what they held`] : []),
    ...(charged === counted ? [] : [`the counters say ${counted} tokens, and the calls in the ledger add up to ${charged}`]),
    ...(differences > 0 ? [`${differences} sums differ`] : []),
    ...(left > 0 ? [`${left} calls never ended`] : []),
    ...(admitted === 0 || seen.looks === 0 ? ['nothing was proved: no call was let in, or nobody looked'] : []),
    ...crashes.map((crash) => `a process ended by itself: ${crash}`),
  ]
}

const number = (value: number) => value.toLocaleString('en-US')

/** The proof in lines; the last one says whether it is one. */
export function reportLines(proof: Proof): readonly string[] {
  const { options, prefix, admitted, counts, faults, hasPartitions, seen, verdict, counted, worstRecoveryMs } = proof
  const { processes, callers, seconds, redis, database } = options
  const { exact, estimated, unseen, lost, doubled, wrong, charged, produced } = verdict
  const broken = brokenPromises(proof)
  const partitions = hasPartitions ? number(faults.partitions) : '0 (only over redis://)'
  return [
    `${processes} processes, ${callers} callers, ${seconds} s; counters in ${hostOf(redis)} as ${prefix}:*, ledger in ${hostOf(database, 'SQLite')}`,
    '',
    line(
      'calls',
      `${number(admitted)} let in, ${number(counts.refused)} refused by a cap, ${number(counts.unavailable)} refused without a store`,
    ),
    line(
      'faults',
      `${number(faults.kills)} processes killed, ${partitions} partitions; the longest until calls were let in again: ${(worstRecoveryMs / 1000).toFixed(1)} s`,
    ),
    line(
      'hard caps',
      `${number(seen.looks)} looks from outside at ${number(seen.accounts)} accounts, the fullest ${(seen.fullest * 100).toFixed(1)} %; overshoot: ${number(seen.overshoot)} tokens`,
    ),
    line(
      'charges',
      `${number(exact)} as produced, ${number(estimated)} cut off and charged what they held, ${number(unseen)} cut off before they began`,
    ),
    line('', `lost: ${lost}, doubled: ${doubled}, wrong: ${wrong}`),
    line('tokens', `ledger ${number(charged)}, counters ${number(counted)}; the provider produced ${number(produced)}`),
    '',
    ...(broken.length === 0 ? ['Proved: no cap was passed, and each call is charged once.'] : broken.map((what) => `BROKEN: ${what}`)),
  ]
}

const line = (what: string, text: string) => `${what.padEnd(10)} ${text}`

/** Without user and password. */
function hostOf(url: string | undefined, otherwise = 'a Redis of its own'): string {
  if (url === undefined) return otherwise
  return URL.canParse(url) ? new URL(url).host : 'the Redis that was named'
}

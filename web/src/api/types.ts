// The shapes of the API, from its OpenAPI document: `npm run generate` writes
// schema.ts anew.

import type { components } from './schema';

type Schemas = components['schemas'];

export type Call = Schemas['Call'];
export type Message = Schemas['Message'];
export type MessagePart = Message['parts'][number];
export type Usage = Schemas['Usage'];
export type Cost = Schemas['Cost'];
export type Summary = Schemas['Summary'];
export type Totals = Schemas['Totals'];
export type Distribution = Schemas['Distribution'];
export type Timeline = Schemas['Timeline'];
export type ModelStat = Schemas['ModelStat'];
export type Group = Schemas['Group'];
export type Facet = Schemas['Facet'];
export type FacetValue = Schemas['FacetValue'];
export type Trace = Schemas['Trace'];
export type TraceSpan = Schemas['TraceSpan'];
export type TraceSummary = Schemas['TraceSummary'];
export type SessionStat = Schemas['SessionStat'];
export type SessionCall = Schemas['SessionCall'];
export type Span = Schemas['Span'];
export type Breakdown = Schemas['Breakdown'];
export type Phase = Schemas['Phase'];
export type Feedback = Schemas['Feedback'];
export type Status = Schemas['Status'];
export type LedgerEntry = Schemas['LedgerEntry'];
export type SendersReport = Schemas['SendersReport'];
export type SLOReport = Schemas['SLOReport'];
export type SLOStatus = Schemas['SLOStatus'];
export type BudgetReport = Schemas['BudgetReport'];
export type BudgetStatus = Schemas['BudgetStatus'];
export type RuleFiles = Schemas['RuleFiles'];
export type AlertChannels = Schemas['AlertChannels'];
export type ProbesReport = Schemas['ProbesReport'];
export type EvaluatorsReport = Schemas['EvaluatorsReport'];
export type Comparison = Schemas['Comparison'];
export type ComparedGroup = Schemas['ComparedGroup'];
export type ComparedDuration = Schemas['ComparedDuration'];
export type Versus = Schemas['Versus'];
export type PriceList = Schemas['PriceList'];
export type PriceRow = Schemas['PriceRow'];
export type UnpricedReport = Schemas['UnpricedReport'];
export type UnpricedBy = Schemas['UnpricedBy'];
export type CacheReport = Schemas['CacheReport'];
export type CacheGroup = Schemas['CacheGroup'];
export type ForecastReport = Schemas['ForecastReport'];
export type PeriodForecast = Schemas['PeriodForecast'];
export type ProbeStatus = Schemas['ProbeStatus'];
export type FeedbackInput = Schemas['FeedbackInput'];

/** A page of calls. */
export interface CallPage {
  calls: Call[];
  next_cursor?: string;
}

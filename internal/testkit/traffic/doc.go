// Package traffic makes the load of a plausible company that runs LLM
// applications: when requests arrive, from whom, for which model, how long
// they are, how they fail. The shapes were fit to public traces of production
// services and of model servers (params.go says which); who the services, users
// and agents are is made up.
//
// The entry type is Generator. Tasks yields the load as plain values; Live
// plays it through a gateway against package provider; History writes it down
// as the finished Calls and Spans that a gateway and an SDK would have made.
// Both include the Incidents, which recur by the clock, so that a reader of
// the charts can be told what there is to find.
//
// The same Config and the same times give the same load.
package traffic

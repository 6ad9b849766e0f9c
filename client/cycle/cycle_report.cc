#include "client/cycle/cycle_report.h"

#include <algorithm>

namespace mirror {

std::string_view ToString(TableResult result) {
  switch (result) {
    case TableResult::kOk:
      return "ok";
    case TableResult::kUnwanted:
      return "unwanted";
    case TableResult::kBlocked:
      return "blocked";
    case TableResult::kRefused:
      return "refused";
    case TableResult::kHeld:
      return "held";
    case TableResult::kFailed:
      return "failed";
  }
  return "";
}

std::string_view ToString(TableReport::Action action) {
  switch (action) {
    case TableReport::Action::kNone:
      return "none";
    case TableReport::Action::kChanges:
      return "changes";
    case TableReport::Action::kPopulate:
      return "populate";
  }
  return "";
}

std::string_view ToString(TableReport::Equality equality) {
  switch (equality) {
    case TableReport::Equality::kNone:
      return "none";
    case TableReport::Equality::kEqual:
      return "equal";
    case TableReport::Equality::kDiffers:
      return "differs";
    case TableReport::Equality::kUnknown:
      return "unknown";
    case TableReport::Equality::kNotMeant:
      return "not meant to be";
  }
  return "";
}

std::string_view ToString(Outcome outcome) {
  switch (outcome) {
    case Outcome::kDone:
      return "done";
    case Outcome::kBusy:
      return "busy";
    case Outcome::kDoNotReplicate:
      return "do_not_replicate";
    case Outcome::kStopped:
      return "stopped";
    case Outcome::kFailed:
      return "failed";
  }
  return "";
}

std::optional<TableResult> ParseTableResult(std::string_view word) {
  for (const TableResult result : {TableResult::kOk, TableResult::kUnwanted, TableResult::kBlocked,
                                   TableResult::kRefused, TableResult::kHeld, TableResult::kFailed}) {
    if (ToString(result) == word) return result;
  }
  return std::nullopt;
}

std::optional<Outcome> ParseOutcome(std::string_view word) {
  for (const Outcome outcome :
       {Outcome::kDone, Outcome::kBusy, Outcome::kDoNotReplicate, Outcome::kStopped, Outcome::kFailed}) {
    if (ToString(outcome) == word) return outcome;
  }
  return std::nullopt;
}

bool CycleReport::Good() const {
  if (outcome == Outcome::kDoNotReplicate) return true;
  return outcome == Outcome::kDone && !tables_held && (!exchange || exchange->refused == 0) &&
         std::all_of(tables.begin(), tables.end(),
                     [](const TableReport& table) { return table.result <= TableResult::kBlocked; });
}

}  // namespace mirror

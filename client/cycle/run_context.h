#ifndef MIRROR_CLIENT_CYCLE_RUN_CONTEXT_H_
#define MIRROR_CLIENT_CYCLE_RUN_CONTEXT_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "client/cycle/cycle.h"
#include "client/cycle/cycle_receipts.h"
#include "client/cycle/cycle_report.h"
#include "client/cycle/verifier.h"
#include "client/source/history.h"
#include "client/source/reader.h"
#include "client/wire/row_sender.h"
#include "mirror/v1/mirror_client.pb.h"
#include "proto/wire/batch.h"

namespace mirror {

/// Maximum of table names that one sentence for people lists.
inline constexpr std::size_t kNamesListed = 10;

/// State that the cycles of one run share: the objects they use, and facts that the run found so far.
struct RunContext {
  RunContext(const CycleParts& parts, const CycleOptions& options);

  /// Finds a table of the present schema; null: the schema has no such table.
  const SourceTable* FindTable(const std::string& name) const;
  TargetRule RuleOf(const std::string& table) const;
  /// Whether a caller or an operator wants all rows of the table sent.
  bool IsAskedFor(const std::string& table) const;

  /// Returns the table's entry in the report; adds it if it is missing. Valid until the next one is added.
  TableReport& ReportOf(const std::string& table);
  /// Adds a note to the report, unless it is empty.
  void AddNote(std::string note);

  SourceReader& reader;
  MirrorClient& client;
  LockFile& lock;
  RunState& state;
  History& history;         ///< The source's own record; `state` if it has none.
  CycleMarks* const marks;  ///< Null: the source has no exchange.
  const CycleOptions& options;
  CycleReceipts receipts;
  CycleReport report;

  SourceSchema schema;               ///< The result of the last reading of the source.
  std::int64_t looked_ms = 0;        ///< Unix milliseconds, taken in the first cycle before rows are read.
  std::set<std::string> whole_rows;  ///< Tables whose rows the mirror lacks.
  std::set<std::string> resent;      ///< Tables whose rows in Differences::unsettled were sent whole once.
  std::set<std::string> distrusted;  ///< Tables with a receipt that did not match the rows sent.
  /// Tables that another source sent, and that this one continues.
  std::set<std::string> places_taken;
  /// Tables whose history missed changes, by the reason; see History::WhyGone(). Those of one cycle.
  std::map<std::string, std::vector<std::string>> gaps;

 private:
  std::map<std::string, std::size_t> report_at_;  ///< By folded name.
};

/// One cycle of a run. Its steps fill in this object in turn; the next cycle has another object.
struct Cycle {
  struct Compared {
    Position position;
    std::uint64_t rows_differ = 0;
  };

  /// Whether the table's rows are sent or compared in this cycle.
  bool IsAbout(const std::string& table) const { return only.empty() || only.contains(table); }
  bool IsFirst() const { return only.empty(); }

  // Work that the cycle before left.
  std::set<std::string> only;                  ///< Tables; empty: all, in the first cycle of a run.
  std::map<std::string, Differences> repairs;  ///< Rows that differ, to be repaired.
  bool is_last = false;                        ///< No other cycle of the run follows, whatever is left.

  // Set by BeginCycle().
  std::int64_t id = 0;
  std::string holder;
  v1::Limits limits;
  bool follows_broken = false;  ///< The source notes that the cycle before was not completed.
  bool can_compare = false;     ///< The endpoint answers DigestRanges.
  bool delivers = false;        ///< The endpoint has deliveries, and takes the ledger of their results.
  bool takes_heartbeats = false;
  bool shows_unsent = false;     ///< The endpoint shows its operator the tables that could not be sent.
  std::string announced_sha256;  ///< See KnownAnnouncement().
  std::optional<v1::TableSchemaResponse> announced;  ///< Set if the mirror knew the announcement: its answer.

  // Set by AnnounceTables().
  std::vector<v1::TableStatus> statuses;  ///< One for each table of the schema; none: not announced yet.
  // Set by MakeJobs(); SendJobs() writes the results into them.
  std::vector<Job> jobs;
  std::optional<EndOfCycle> ended;   ///< Set by SendJobs(): the mirror ended the cycle with its rows.
  std::vector<std::size_t> resting;  ///< Tables of the schema that are not sent because nothing changed.

  // Set by CompareTables(). Receipts and verdicts also add to `compare_again`.
  std::map<std::string, Compared> compared;
  std::map<std::string, Differences> differ;
  std::set<std::string> compare_again;  ///< Tables that the next cycle compares.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_CYCLE_RUN_CONTEXT_H_

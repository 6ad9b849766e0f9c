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

/// Names of tables that one sentence for people lists.
inline constexpr std::size_t kNamesListed = 10;

/// What the cycles of one run share: what they work with, and what the run knows so far.
struct RunContext {
  RunContext(const CycleParts& parts, const CycleOptions& options);

  /// Of the schema at hand; null: it has no such table.
  const SourceTable* FindTable(const std::string& name) const;
  TargetRule RuleOf(const std::string& table) const;
  /// Whether somebody wants all rows of the table sent.
  bool IsAskedFor(const std::string& table) const;

  /// The table's entry in the report, made when it is new. Valid until the next one is made.
  TableReport& ReportOf(const std::string& table);
  /// An empty one is none.
  void AddNote(std::string note);

  SourceReader& reader;
  MirrorClient& client;
  LockFile& lock;
  RunState& state;
  History& history;         ///< The source's own record; `state` when it has none.
  CycleMarks* const marks;  ///< Null: the source has no exchange.
  const CycleOptions& options;
  CycleReceipts receipts;
  CycleReport report;

  SourceSchema schema;               ///< As the source was last looked at.
  std::int64_t looked_ms = 0;        ///< Unix time before the tables were first looked at.
  std::set<std::string> whole_rows;  ///< Tables of which the mirror lacks rows.
  std::set<std::string> resent;      ///< Tables whose rows that changed meanwhile were sent whole once.
  std::set<std::string> distrusted;  ///< Tables that had a receipt that was not of what was sent.
  /// Tables that another source sent, and that this one goes on with.
  std::set<std::string> places_taken;
  /// Tables of which the history missed changes, by why; see History::WhyGone(). Those of one cycle.
  std::map<std::string, std::vector<std::string>> gaps;

 private:
  std::map<std::string, std::size_t> report_at_;  ///< By folded name.
};

/// One cycle of a run. Its steps fill it in, one after the other; the next cycle is another object.
struct Cycle {
  struct Compared {
    Position position;
    std::uint64_t rows_differ = 0;
  };

  /// Whether the table's rows are sent or compared in this cycle.
  bool IsAbout(const std::string& table) const { return only.empty() || only.contains(table); }
  bool IsFirst() const { return only.empty(); }

  // What the cycle before left to do.
  std::set<std::string> only;                  ///< Tables; empty: all, in the first cycle of a run.
  std::map<std::string, Differences> repairs;  ///< Rows that differ, to be mended.
  bool is_last = false;                        ///< No other cycle of the run follows, whatever it leaves.

  // By BeginCycle().
  std::int64_t id = 0;
  v1::Limits limits;
  bool follows_broken = false;  ///< The source notes that the cycle before was not completed.
  bool can_compare = false;     ///< The endpoint answers DigestRanges.
  bool delivers = false;        ///< The endpoint has deliveries, and takes the ledger of what became of them.
  bool shows_unsent = false;    ///< The endpoint shows its operator the tables that could not be sent.
  std::string announced_sha256;                      ///< See KnownAnnouncement().
  std::optional<v1::TableSchemaResponse> announced;  ///< The mirror knew it, and this is its answer.

  // By AnnounceTables().
  std::vector<v1::TableStatus> statuses;  ///< One for each table of the schema; none: not announced yet.
  // By MakeJobs(); SendJobs() notes in them what became of them.
  std::vector<Job> jobs;
  std::optional<EndOfCycle> ended;  ///< By SendJobs(): the mirror ended the cycle with its rows.
  std::vector<std::size_t>
      resting;  ///< Tables of the schema of which nothing is sent, since nothing changed.

  // By CompareTables(). For `compare_again` receipts and verdicts are a reason, too.
  std::map<std::string, Compared> compared;
  std::map<std::string, Differences> differ;
  std::set<std::string> compare_again;  ///< Tables that the next cycle compares.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_CYCLE_RUN_CONTEXT_H_

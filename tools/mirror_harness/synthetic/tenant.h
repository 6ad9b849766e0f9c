#ifndef MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_TENANT_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_TENANT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/config/config.h"
#include "mirror/v1/mirror_client.pb.h"
#include "tools/mirror_harness/synthetic/change_maker.h"
#include "tools/mirror_harness/synthetic/meter.h"
#include "tools/mirror_harness/synthetic/options.h"
#include "tools/mirror_harness/synthetic/sender.h"
#include "tools/mirror_harness/synthetic/synthetic_source.h"

namespace mirror::harness {

/// One table of one tenant: what the source holds, and what the mirror is known to hold of it.
struct TableState {
  RowModel model;
  Position committed;  ///< As the mirror acknowledged it; LSN -1 before.
  /// The mirror did not take all that the model holds: the next cycle populates, and no check counts.
  bool behind = true;
  std::string failure;  ///< Why, of the last cycle.
  TableChanges changes;
  std::vector<std::uint32_t> sent;     ///< Columns that the endpoint wants.
  std::vector<std::uint32_t> checked;  ///< Of these, those that it keeps as they are.
};

/// A synthetic source with one tenant. It holds the tables, and runs cycles against the endpoint as a careful
/// source does: each table moves from where the mirror says it is.
///
/// Threads: one.
class Tenant {
 public:
  static constexpr char kSourceId[] = "mirror-harness";

  Tenant(const Options& options, std::string context_id, std::uint64_t seed, std::vector<RowModel> tables);

  /// Population of every table. Errors: a sentence for people; see RunCycle.
  absl::Status Populate(SyntheticSource* source, Meter* meter);
  /// Changes rows as the options say, and sends what changed.
  absl::Status ChangeAndSend(SyntheticSource* source, Meter* meter);

  const std::string& context_id() const { return context_id_; }
  std::vector<TableState>& tables() { return tables_; }
  const std::vector<TableState>& tables() const { return tables_; }
  /// Counts that the endpoint answered with DIFFERS.
  std::uint64_t verdicts_different() const { return verdicts_different_; }
  std::uint64_t rows_changed() const { return rows_changed_; }

 private:
  struct Work {
    std::vector<TableJob> jobs;
    v1::Advance advance;
    std::vector<std::size_t> advanced;                      ///< The tables of `advance`.
    std::optional<v1::ReplicationCompletedResponse> ended;  ///< With the rows.
  };

  /// Until the cycle is completed: after ABORTED and UNAVAILABLE a new one begins where the mirror stands.
  absl::Status RunCycle(SyntheticSource* source, Meter* meter);
  absl::Status TryCycle(SyntheticSource* source, bool again, Meter* meter);
  absl::StatusOr<v1::AuthenticateResponse> Begin(SyntheticSource* source, bool again);
  absl::StatusOr<v1::TableSchemaResponse> Announce(SyntheticSource* source, v1::AuthenticateResponse begun);
  Work Plan(const v1::TableSchemaResponse& announced, Meter* meter);
  void SetTarget(const v1::TableSchemaResponse& answer);
  void Decide(std::size_t table, const v1::TableStatus& status, Work* work, Meter* meter);
  PopulateReason WhyPopulate(const TableState& table, const v1::TableStatus& status) const;
  TableJob Job(std::size_t table, const v1::TableStatus& status, PopulateReason populate) const;
  absl::Status Send(SyntheticSource* source, Work* work, Meter* meter);
  void Note(const Work& work, const std::vector<std::string>& not_advanced, Meter* meter);
  /// `all_committed`: as they are once all rows of the cycle are.
  static std::vector<v1::TableSummary> Summaries(const Work& work, bool all_committed);
  absl::Status Complete(SyntheticSource& source, const Work& work, Meter* meter);

  const Options& options_;
  std::string context_id_;
  std::string holder_;
  Random random_;
  std::vector<TableState> tables_;
  v1::TableSchemaRequest schema_;  ///< Without a cycle.
  std::string announced_sha256_;   ///< Of `schema_`, once it was announced.
  std::vector<std::vector<std::uint32_t>> sent_columns_;
  SendOptions send_;
  bool populate_all_ = true;
  std::uint32_t version_ = 0;  ///< Of the rows that this cycle changes; also counts the cycles.
  std::uint64_t lineage_seed_;
  Position target_;
  bool target_set_ = false;
  std::uint64_t verdicts_different_ = 0;
  std::uint64_t rows_changed_ = 0;
};

/// The tables of tenant `number` (from 1). Errors: kInvalidArgument.
absl::StatusOr<std::vector<RowModel>> MakeTables(const Options& options, std::uint32_t number);

/// All tenants, with the rows of each. `context_id` is what their names begin with. Errors: kInvalidArgument.
absl::StatusOr<std::vector<std::unique_ptr<Tenant>>> MakeTenants(const Options& options,
                                                                 const std::string& context_id);

/// Populates every tenant and runs its cycles, `options.clients` tenants at a time, each of these clients on
/// a connection of its own. A tenant that fails stops; the others go on. Returns what went wrong, one for
/// each tenant that failed.
std::vector<absl::Status> RunTenants(const Options& options, const AgentConfig& config,
                                     const std::vector<std::unique_ptr<Tenant>>& tenants, Meter* meter);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_TENANT_H_

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

/// One table of one tenant: the source's content, and what the mirror is known to have.
struct TableState {
  RowModel model;
  Position committed;  ///< Position that the mirror acknowledged; LSN -1: none yet.
  /// The mirror lacks changes of the model. The next cycle populates the table, and checks skip it until
  /// then.
  bool behind = true;
  std::string failure;  ///< Reason for this, from the last cycle.
  TableChanges changes;
  std::vector<std::uint32_t> sent;     ///< Columns that the endpoint wants.
  std::vector<std::uint32_t> checked;  ///< Those of these columns that the endpoint stores unchanged.
};

/// A synthetic source with one tenant. It has the tables and runs cycles with the endpoint as a careful
/// source does: each table starts from the position that the mirror reports.
///
/// Threads: one.
class Tenant {
 public:
  static constexpr char kSourceId[] = "mirror-harness";

  Tenant(const Options& options, std::string context_id, std::uint64_t seed, std::vector<RowModel> tables);

  /// Populates every table. Errors: a sentence for people; see RunCycle.
  absl::Status Populate(SyntheticSource* source, Meter* meter);
  /// Changes rows as the options say, and sends the changes.
  absl::Status ChangeAndSend(SyntheticSource* source, Meter* meter);

  const std::string& context_id() const { return context_id_; }
  std::vector<TableState>& tables() { return tables_; }
  const std::vector<TableState>& tables() const { return tables_; }
  /// Returns the number of tables for which the endpoint answered DIFFERS.
  std::uint64_t verdicts_different() const { return verdicts_different_; }
  std::uint64_t rows_changed() const { return rows_changed_; }

 private:
  struct Work {
    std::vector<TableJob> jobs;
    v1::Advance advance;
    std::vector<std::size_t> advanced;  ///< The tables of `advance`.
    /// Set if the cycle was ended together with the rows.
    std::optional<v1::ReplicationCompletedResponse> ended;
  };

  /// Runs a cycle to its end: after ABORTED or UNAVAILABLE begins a new one from the mirror's positions.
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
  /// Returns the summaries for the end of the cycle. `all_committed`: as if all rows of the cycle were
  /// committed.
  static std::vector<v1::TableSummary> Summaries(const Work& work, bool all_committed);
  absl::Status Complete(SyntheticSource& source, const Work& work, Meter* meter);

  const Options& options_;
  std::string context_id_;
  std::string holder_;
  Random random_;
  std::vector<TableState> tables_;
  v1::TableSchemaRequest schema_;  ///< The announcement, without the number of a cycle.
  std::string announced_sha256_;   ///< Hash of `schema_`, after its announcement.
  std::vector<std::vector<std::uint32_t>> sent_columns_;
  SendOptions send_;
  bool populate_all_ = true;
  std::uint32_t version_ = 0;  ///< Version of the rows that this cycle changes; also the number of cycles.
  std::uint64_t lineage_seed_;
  Position target_;
  bool target_set_ = false;
  std::uint64_t verdicts_different_ = 0;
  std::uint64_t rows_changed_ = 0;
};

/// Makes the tables of tenant `number` (from 1). Errors: kInvalidArgument.
absl::StatusOr<std::vector<RowModel>> MakeTables(const Options& options, std::uint32_t number);

/// Makes all tenants with their rows. `context_id`: prefix of their context ids. Errors: kInvalidArgument.
absl::StatusOr<std::vector<std::unique_ptr<Tenant>>> MakeTenants(const Options& options,
                                                                 const std::string& context_id);

/// Populates every tenant and runs its cycles. `options.clients` threads do this at the same time, each with
/// its own connection. A tenant that fails stops; the others continue. Returns one error for each tenant that
/// failed.
std::vector<absl::Status> RunTenants(const Options& options, const AgentConfig& config,
                                     const std::vector<std::unique_ptr<Tenant>>& tenants, Meter* meter);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_TENANT_H_

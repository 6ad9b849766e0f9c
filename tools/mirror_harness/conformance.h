#ifndef MIRROR_TOOLS_MIRROR_HARNESS_CONFORMANCE_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_CONFORMANCE_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/config/config.h"
#include "client/wire/connect.h"
#include "client/wire/mirror_client.h"
#include "mirror/v1/mirror_client.pb.h"
#include "proto/wire/row_digest.h"
#include "proto/wire/table.h"
#include "tools/mirror_harness/attack/token_forge.h"
#include "tools/mirror_harness/synthetic/options.h"
#include "tools/mirror_harness/synthetic/synthetic_source.h"

namespace mirror::harness {

/// Exception for a wrong answer, which ends the examination of a requirement. Only Examine() catches it.
struct Unmet {
  std::string why;
};
struct NotExamined {
  std::string why;
};

/// Text of an ANY column that is not UTF-8 or contains NUL.
struct RawText {
  std::string value;
  friend bool operator==(const RawText&, const RawText&) = default;
};
/// A value as a source has it: NULL, an integer, a float, a text, or bytes. A DECIMAL is a text, a UUID is
/// bytes.
using Sent = std::variant<Null, std::int64_t, double, std::string, Bytes, RawText>;
using SentRow = std::vector<Sent>;
using SentRows = std::vector<SentRow>;

/// Statuses that several parts of the examination expect.
inline constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument,
                                  kPrecondition = absl::StatusCode::kFailedPrecondition,
                                  kAborted = absl::StatusCode::kAborted,
                                  kExhausted = absl::StatusCode::kResourceExhausted;
/// The part of the protocol that has the requirements on a batch.
inline constexpr char kBatch[] = "change_batch.proto, ChangeBatch";

/// A tenant at the examined endpoint, with functions for the calls. If a call fails, they throw Unmet with
/// the call and its answer. Threads: one.
class Exam {
 public:
  Exam(Connection connection, std::string context_id);

  MirrorClient& client() { return source_.client(); }
  const Identity& identity() const { return connection_.identity; }
  const std::string& context_id() const { return source_.client().context_id(); }
  const v1::Limits& limits() const { return source_.limits(); }
  std::int64_t cycle() const { return source_.cycle(); }
  TokenParts Parts(TokenUse use) const;
  /// Make a call with any text as token, which is sent unchanged.
  absl::Status AuthenticateWith(const std::string& token);
  absl::Status TableSchemaWith(const std::vector<std::string>& authorizations);

  // --- A cycle ---
  /// Begins a cycle, also if another one is running.
  v1::AuthenticateResponse Begin();
  v1::AuthenticateResponse Authenticate(const std::string& holder, bool take_over, bool probe);
  v1::TableSchemaRequest Announcement(const std::vector<TableSchema>& tables) const {
    return source_.Announcement(tables);
  }
  std::vector<v1::TableStatus> Announce(const std::vector<TableSchema>& tables);
  v1::TableStatus Announce(const TableSchema& table) { return Announce(std::vector{table}).front(); }
  std::vector<v1::TableVerdict> Complete(const std::vector<v1::TableSummary>& tables = {});

  // --- Batches ---
  /// Returns a position that is newer than all before.
  v1::Position NextPosition();
  /// Makes the batch with `seq` 1 of a table whose state is `status`; its target is a new position. Columns:
  /// names of the columns in `rows`; empty: all columns.
  v1::ChangeBatch Batch(const TableSchema& table, const v1::TableStatus& status, v1::Operation operation,
                        const SentRows& rows, const std::vector<std::string>& columns = {});
  /// Makes one batch with all rows of a table and its commit.
  v1::ChangeBatch Population(const TableSchema& table, const v1::TableStatus& status, const SentRows& rows);
  v1::RowDataRequest Request(const std::vector<v1::ChangeBatch>& batches) const {
    return source_.Request(batches);
  }
  /// Sends the batch alone and returns its result.
  v1::BatchResult Send(const v1::ChangeBatch& batch);
  /// Sends the batch alone and returns its result. The batch must be applied.
  v1::BatchResult Apply(const v1::ChangeBatch& batch);
  /// Runs a whole cycle after which the table has these rows. Returns the table's position.
  v1::Position Fill(const TableSchema& table, const SentRows& rows);
  /// Calls Fill(), then begins a new cycle and announces the table. Returns the table's status.
  v1::TableStatus Filled(const TableSchema& table, const SentRows& rows);
  /// Announces the table in a new cycle. Returns true if it is refused. A refusal without a reason fails the
  /// examination.
  bool IsRefused(const TableSchema& table);

  // --- The content of the mirror ---
  /// Reads rows with ReadRows, in the order of the answer.
  SentRows Read(const TableSchema& table, const v1::Position& position,
                const std::vector<v1::KeyRange>& ranges = {}, const std::vector<std::string>& columns = {});
  /// Returns one digest for each range; without ranges, one digest of the whole table.
  std::vector<RangeDigest> Digests(const TableSchema& table, const v1::Position& position,
                                   const std::vector<v1::KeyRange>& ranges = {});

 private:
  Connection connection_;
  SyntheticSource source_;
  std::int64_t lsn_ = 0;
};

/// Throws Unmet with `why` if `met` is false.
void Expect(bool met, const std::string& why);
/// Throws Unmet if the call is not refused with `wanted`. `what`: the call, for the report.
void ExpectStatus(const absl::Status& status, absl::StatusCode wanted, const std::string& what);
void ExpectResult(const v1::BatchResult& result, absl::StatusCode wanted, const std::string& what);
void ExpectRows(const SentRows& got, const SentRows& wanted);
/// Returns rows as text for people: "(1, 'Ada', NULL)".
std::string Shown(const SentRows& rows);
/// Computes the digest that the mirror must give for these rows; see DigestRangesResponse.
RangeDigest DigestOf(const TableSchema& table, const SentRows& rows);

// --- Tables ---
Column ExamColumn(std::string name, Type type);
Column ExamKey(std::string name, Type type, std::uint32_t position = 1);
TableSchema ExamTable(std::string name, std::vector<Column> columns);
/// Returns a table with the columns id INT64 (the key), name TEXT and age INT32.
TableSchema ExamPeople(std::string name = "people");
/// A row of ExamPeople().
inline const SentRow kAda = {std::int64_t{1}, std::string("Ada"), std::int64_t{36}};

/// A requirement on every endpoint of this protocol.
struct Requirement {
  std::string id;        ///< Unique id, such as "rows.gap".
  std::string sentence;  ///< The required behaviour of the endpoint.
  std::string section;   ///< The comment of the .proto files that has the requirement.
  /// Examines the requirement. Throws Unmet or NotExamined.
  std::function<void(Exam&)> examine;
};

/// Returns the requirements of several parts, in this order.
std::vector<Requirement> Together(std::initializer_list<std::vector<Requirement> (*)()> parts);

// Return the requirements of one part each. Each part is in its own file.
std::vector<Requirement> HandshakeRequirements();
std::vector<Requirement> TableRequirements();
std::vector<Requirement> BatchRequirements();
std::vector<Requirement> PositionRequirements();
std::vector<Requirement> CycleRequirements();
std::vector<Requirement> EqualityRequirements();
std::vector<Requirement> TypeRequirements();
std::vector<Requirement> SchemaChangeRequirements();
std::vector<Requirement> LimitRequirements();
std::vector<Requirement> ReceiptRequirements();
/// Returns all requirements, in the order of the examination.
std::vector<Requirement> AllRequirements();

enum class Verdict { kPass, kFail, kSkipped };

struct Finding {
  std::string id, sentence, section;
  Verdict verdict = Verdict::kPass;
  std::string reason;  ///< Empty with kPass.
  double seconds = 0;
};

struct ConformanceReport {
  std::string target, context_id, server_version;
  std::vector<Finding> findings;

  std::size_t Count(Verdict verdict) const;
  bool good() const { return !findings.empty() && Count(Verdict::kFail) == 0; }
};

/// Examines one requirement. Throws nothing.
Finding Examine(const Requirement& requirement, Exam* exam);

/// Examines the endpoint at options.target, only by calls over the network. Errors: the reason why it cannot
/// be examined.
absl::StatusOr<ConformanceReport> RunConformance(const Options& options, AgentConfig config,
                                                 const std::string& context_id);

std::string ConformanceText(const ConformanceReport& report);
std::string ConformanceJson(const ConformanceReport& report);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_CONFORMANCE_H_

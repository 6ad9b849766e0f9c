#ifndef MIRROR_CLIENT_EXCHANGE_DATAJOIN_DATAJOIN_LAYOUT_H_
#define MIRROR_CLIENT_EXCHANGE_DATAJOIN_DATAJOIN_LAYOUT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/exchange/box_source.h"
#include "client/exchange/inbox.h"
#include "client/source/steps/table_steps.h"
#include "mirror/v1/mirror_client.pb.h"

namespace mirror {

/// The rows of ds_program_parameter.
inline constexpr char kTransportProgram[] = "1000";
inline constexpr char kImportProgram[] = "1001";

/// How far a program came.
struct ProgramState {
  std::int64_t pointer = 0;  ///< Of its box: every entry up to here is done with.
  std::string status;        ///< "done", "waiting", or what is wrong, without values.
};
/// In a change. What stands there already is not written again, and a row that is gone stays so. Errors:
/// those of BoxSql.
absl::Status ShowProgram(BoxSql& sql, const char* program, const ProgramState& state, std::int64_t now_ms);

/// Who writes the outbox.
enum class OutboxFrom { kChangeLog, kApplication };

/// What is known of a source and of one run of it, over all sessions with its database.
struct DatajoinRound {
  std::string database;  ///< What the boxes call the source.
  OutboxFrom from = OutboxFrom::kChangeLog;
  std::vector<TableSteps> steps = {};  ///< Of its tables, which may be sent under another name.

  std::int64_t upto = 0;                 ///< The highest entry of the outbox that the push has.
  std::vector<std::string> failed = {};  ///< Tables, as they are sent, that the push could not bring.
};

/// The exchange as DataJoin has it: an outbox and an inbox, whose entries are single columns, and for each of
/// the two programs how far it came.
///
/// An entry of the inbox is of a delivery as long as that is offered, and keeps its id. `note1` says what
/// became of it: waiting, refused, conflict, applied, withdrawn. A push empties the agent's own inbox; here
/// the entries stay, until a whole answer offers them no more. The pointer of the import stands before the
/// first that is neither applied nor withdrawn. Nothing that stands in either box is executed: what is
/// applied is the delivery itself.
///
/// Done entries are kept as long as the ledger, without the values of rows that are gone. Those of an
/// application's outbox are its own.
/// Errors: those of BoxSql. Threads: one.
class DatajoinLayout : public InboxLayout {
 public:
  /// Both outlive it.
  DatajoinLayout(BoxSource& source, DatajoinRound& round)
      : source_(source), sql_(source.sql()), round_(round) {}

  /// Before a push, in changes of its own: what changed is in the outbox, or what the application put there
  /// will be sent. The push sends it, and with it the pointer of the transport will move on.
  absl::Status ReadyOutbox(std::int64_t now_ms);

  /// In a change of its own, where the inbox was not filled behind the push. `waits`: the hub gives nothing
  /// yet. The pointer stays before the entries of DatajoinRound::failed.
  absl::Status ShowPushed(bool waits, std::int64_t now_ms);
  /// The push failed: whatever it brought will be told by the next one.
  absl::Status ShowFailed(const absl::Status& status, std::int64_t now_ms);

  absl::Status Filled(const FetchedDeliveries& fetched, std::int64_t now_ms) override;
  absl::Status Importing() override;
  absl::Status Imported(const v1::Delivery& delivery, const ImportResult& result,
                        std::int64_t now_ms) override;

 private:
  absl::StatusOr<ProgramState> PushedState() const;
  absl::Status ShowTransport(const ProgramState& state, std::int64_t now_ms) const;
  absl::Status ShowImport(std::int64_t now_ms) const;
  /// The entries of a delivery become this.
  absl::Status SetState(const std::string& delivery_id, const std::string& note, bool done, bool refused,
                        std::int64_t now_ms) const;
  /// Of an INSERT whose key the database made: the ledger knows it.
  absl::Status TellMadeKey(const std::string& delivery_id) const;
  absl::Status WithdrawOthers(std::int64_t now_ms) const;
  absl::Status ForgetOld(std::int64_t now_ms) const;
  absl::Status ForgetValuesOfGone() const;

  BoxSource& source_;
  BoxSql& sql_;
  DatajoinRound& round_;
  bool hides_import_ = false;  ///< See BoxSource::HideImport().
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_DATAJOIN_DATAJOIN_LAYOUT_H_

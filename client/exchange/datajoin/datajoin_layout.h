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

/// Ids of the rows of ds_program_parameter.
inline constexpr char kTransportProgram[] = "1000";
inline constexpr char kImportProgram[] = "1001";

/// Progress of a program.
struct ProgramState {
  std::int64_t pointer = 0;  ///< In its box: every entry up to this one is done.
  std::string status;        ///< "done", "waiting", or an error without values.
};
/// Writes the row unless it has these values already; a deleted row
/// stays deleted. To be called in a change. Errors: those of BoxSql.
absl::Status ShowProgram(BoxSql& sql, const char* program, const ProgramState& state, std::int64_t now_ms);

/// The writer of the outbox.
enum class OutboxFrom { kChangeLog, kApplication };

/// State of a source and of one run of it, shared by all sessions with its database.
struct DatajoinRound {
  std::string database;  ///< The name of the source in the boxes.
  OutboxFrom from = OutboxFrom::kChangeLog;
  std::vector<TableSteps> steps = {};  ///< Steps of its tables, which may be sent under another name.

  std::int64_t upto = 0;                 ///< The highest entry of the outbox that the push has.
  std::vector<std::string> failed = {};  ///< Tables, by sent name, that the push failed to send.
};

/// The exchange in DataJoin's layout: an outbox and an inbox whose entries
/// are single columns, and the progress of each of the two programs.
///
/// An entry of the inbox belongs to a delivery as long as the hub offers it, and keeps its
/// id. `note1` has its state: waiting, refused, conflict, applied, withdrawn. A push empties
/// the agent's own inbox; here the entries stay until a complete answer no longer offers
/// them. The pointer of the import stays before the first entry that is neither applied nor
/// withdrawn. Nothing in either box is executed: the agent applies the delivery itself.
///
/// Done entries are kept as long as the ledger, without the values
/// of deleted rows. Entries of an application's outbox are its own.
/// Errors: those of BoxSql. Threads: one.
class DatajoinLayout : public InboxLayout {
 public:
  /// Both outlive it.
  DatajoinLayout(BoxSource& source, DatajoinRound& round)
      : source_(source), sql_(source.sql()), round_(round) {}

  /// Before a push, in changes of its own: puts the changes into the outbox, or marks the rows of
  /// the application's outbox for sending. The push sends them and the transport's new pointer.
  absl::Status ReadyOutbox(std::int64_t now_ms);

  /// Shows the progress if the inbox was not filled after the push, in a change of its own. `waits`: the
  /// hub does not give deliveries yet. The pointer stays before the entries of DatajoinRound::failed.
  absl::Status ShowPushed(bool waits, std::int64_t now_ms);
  /// Shows the error of a push. The next push shows what this one did send.
  absl::Status ShowFailed(const absl::Status& status, std::int64_t now_ms);

  absl::Status Filled(const FetchedDeliveries& fetched, std::int64_t now_ms) override;
  absl::Status Importing() override;
  absl::Status Imported(const v1::Delivery& delivery, const ImportResult& result,
                        std::int64_t now_ms) override;

 private:
  absl::StatusOr<ProgramState> PushedState() const;
  absl::Status ShowTransport(const ProgramState& state, std::int64_t now_ms) const;
  absl::Status ShowImport(std::int64_t now_ms) const;
  /// Sets the state of all entries of a delivery.
  absl::Status SetState(const std::string& delivery_id, const std::string& note, bool done, bool refused,
                        std::int64_t now_ms) const;
  /// Shows the key that the database made for an INSERT, which the ledger knows.
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

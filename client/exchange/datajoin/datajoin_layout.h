#ifndef MIRROR_CLIENT_EXCHANGE_DATAJOIN_DATAJOIN_LAYOUT_H_
#define MIRROR_CLIENT_EXCHANGE_DATAJOIN_DATAJOIN_LAYOUT_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/exchange/datajoin/program_rows.h"
#include "client/exchange/exchange_rules.h"
#include "client/exchange/inbox_layout.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "mirror/v1/mirror_client.pb.h"

namespace mirror {

/// Who writes the outbox.
enum class OutboxFrom { kChangeLog, kApplication };

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
/// Errors: those of SqliteFile. Threads: one.
class DatajoinLayout : public InboxLayout {
 public:
  /// `database`: what the boxes call the source.
  DatajoinLayout(std::string database, ExchangeRules rules, OutboxFrom from)
      : database_(std::move(database)), rules_(std::move(rules)), from_(from) {}

  /// Before a push, in changes of its own: what changed is in the outbox, or what the application put there
  /// is in the change logs. The push sends it, and with it the pointer of the transport will move on.
  absl::Status ReadyOutbox(const SqliteFile& file, std::int64_t now_ms);

  /// The push is done. `failed`: tables, as they are sent, that it could not bring; the pointer stays before
  /// their entries.
  void SetPushed(std::vector<std::string> failed) { failed_ = std::move(failed); }
  /// In a change of its own, where the inbox was not filled behind the push. `waits`: the hub gives nothing
  /// yet.
  absl::Status ShowPushed(const SqliteFile& file, bool waits, std::int64_t now_ms);
  /// The push failed: whatever it brought will be told by the next one.
  absl::Status ShowFailed(const SqliteFile& file, const absl::Status& status, std::int64_t now_ms);

  absl::Status Emptied(const SqliteFile& file) override;
  absl::Status Filled(const SqliteFile& file, const FetchedDeliveries& fetched, std::int64_t now_ms) override;
  absl::Status Importing(const SqliteFile& file) override;
  absl::Status Imported(const SqliteFile& file, const v1::Delivery& delivery, const ImportResult& result,
                        std::int64_t now_ms) override;

 private:
  absl::StatusOr<ProgramState> PushedState(const SqliteFile& file) const;
  absl::Status ShowTransport(const SqliteFile& file, ProgramState state, std::int64_t now_ms) const;
  static absl::Status ShowImport(const SqliteFile& file, std::int64_t now_ms);
  absl::Status ForgetOld(const SqliteFile& file, std::int64_t now_ms) const;

  const std::string database_;
  const ExchangeRules rules_;
  const OutboxFrom from_;
  std::int64_t upto_ = 0;            ///< The highest entry of the outbox that the push has.
  std::vector<std::string> failed_;  ///< Of the push.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_DATAJOIN_DATAJOIN_LAYOUT_H_

#ifndef MIRROR_CLIENT_EXCHANGE_INBOX_H_
#define MIRROR_CLIENT_EXCHANGE_INBOX_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/exchange/box_source.h"
#include "client/exchange/member_table.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "mirror/v1/mirror_client.pb.h"

namespace mirror {

struct FetchedDeliveries;
struct ImportResult;

/// Shows the inbox of a source in further tables beside `_mirror_inbox`, to people
/// and to the source's own programs. Each call runs inside the change that it reports.
/// Errors: those of BoxSql; then nothing of that change is done. Threads: one.
class InboxLayout {
 public:
  virtual ~InboxLayout() = default;

  /// `_mirror_inbox` now holds exactly these deliveries.
  virtual absl::Status Filled(const FetchedDeliveries& fetched, std::int64_t now_ms) = 0;
  /// A delivery is about to be imported; nothing of it is written yet.
  virtual absl::Status Importing() = 0;
  /// The delivery was imported or not, and was removed from `_mirror_inbox`.
  virtual absl::Status Imported(const v1::Delivery& delivery, const ImportResult& result,
                                std::int64_t now_ms) = 0;
};

/// Makes the layout of one session with the source. Empty: nothing more is shown.
using MakeInboxLayout = std::function<std::unique_ptr<InboxLayout>(BoxSource& source)>;

/// Milliseconds for which the ledger keeps applied rows, so that people can see where a value came from.
inline constexpr std::int64_t kLedgerKeptMs = 30LL * 86'400'000;

/// Deliveries that one fetch returned.
struct FetchedDeliveries {
  std::vector<v1::Delivery> deliveries;  ///< In the order in which they are applied.
  bool whole = false;                    ///< See FetchDeliveriesResponse.whole.
};

/// Empties `_mirror_inbox`, which holds the fetched deliveries until they are imported. A push empties it: a
/// delivery must not be imported if the hub offered it before the hub knew the changes of that push.
///
/// `file`: opened with Use::kChange. Each call is one transaction. Errors: those of SqliteFile. Threads: one.
absl::Status EmptyInbox(const SqliteFile& file);

/// Replaces the contents of the inbox with an answer. The hub has read the whole ledger by
/// then. So this removes the ledger's rows of refused deliveries that are no longer wanted,
/// rows that were applied long ago, and values written into rows that deliveries deleted
/// since; see also ForgetValuesOfGone(). `layout`: notified of the change; null: none.
absl::Status FillInbox(const SqliteFile& file, const FetchedDeliveries& fetched, std::int64_t now_ms,
                       InboxLayout* layout = nullptr);

/// Reads the whole inbox. Memory: all of it, at most what one fetch gives. Entries
/// that cannot be parsed, because another program wrote them, are skipped.
absl::StatusOr<std::vector<v1::Delivery>> ReadInbox(const SqliteFile& file);

/// Removes one delivery. To be called in a change.
absl::Status RemoveFromInbox(const SqliteFile& file, const std::string& delivery_id);

/// The updates and deletes of an inbox, by the row that each is for. Memory: keys and ids of deliveries.
class RowsInInbox {
 public:
  /// Adds the delivery, in the order of the inbox; ignores an insert.
  void Add(const v1::Delivery& delivery);
  /// Returns ids in the order of the inbox. `table`: the name it is sent under; `key`: as in hub and ledger.
  std::vector<std::string> Find(const std::string& table, const std::string& key) const;

 private:
  /// Key: the folded name of the table, and KeyText() of the row.
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> ids_;
};

/// The updates and deletes in the inbox of a SQLite file, by row, without those that are added later.
class InboxRows {
 public:
  /// Reads the inbox. To be called in a change. `file` outlives the result.
  static absl::StatusOr<InboxRows> Read(const SqliteFile& file);
  /// To be called in a change. Returns, for each of these rows, the first delivery that is still
  /// in the inbox. `table`: the name it is sent under; `keys`: in the types of deliveries.
  absl::StatusOr<std::vector<v1::Delivery>> Find(const std::string& table,
                                                 const std::vector<RowOf>& keys) const;

 private:
  explicit InboxRows(const SqliteFile& file) : file_(file) {}

  const SqliteFile& file_;
  RowsInInbox rows_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_INBOX_H_

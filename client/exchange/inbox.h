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

/// What a source shows of its inbox, beside `_mirror_inbox`, to people and to its own programs. Each call is
/// a part of the change that it tells of. Errors: those of BoxSql, and then nothing of that change is done.
/// Threads: one.
class InboxLayout {
 public:
  virtual ~InboxLayout() = default;

  /// `_mirror_inbox` holds these now, and nothing else.
  virtual absl::Status Filled(const FetchedDeliveries& fetched, std::int64_t now_ms) = 0;
  /// A delivery is about to be imported; nothing of it is written yet.
  virtual absl::Status Importing() = 0;
  /// It was imported, or was not, and is in `_mirror_inbox` no more.
  virtual absl::Status Imported(const v1::Delivery& delivery, const ImportResult& result,
                                std::int64_t now_ms) = 0;
};

/// Of one session with the source. Empty: nothing is shown.
using MakeInboxLayout = std::function<std::unique_ptr<InboxLayout>(BoxSource& source)>;

/// Rows of the ledger that were applied are kept for so long, for who asks why a value stands where it does.
inline constexpr std::int64_t kLedgerKeptMs = 30LL * 86'400'000;

/// What a fetch gave.
struct FetchedDeliveries {
  std::vector<v1::Delivery> deliveries;  ///< In the order in which they are applied.
  bool whole = false;                    ///< See FetchDeliveriesResponse.whole.
};

/// `_mirror_inbox`: what was fetched and not yet imported, in the order of the fetch. A push empties it, so
/// that nothing is imported that was offered before the hub knew of what the push sends.
///
/// `file`: opened with Use::kChange. Each is one transaction. Errors: those of SqliteFile. Threads: one.
absl::Status EmptyInbox(const SqliteFile& file);

/// Puts an answer there, in place of what was there. The hub has read all of the ledger by then: rows of
/// what was refused and is wanted no more go, those of what was applied long ago, and the values that were
/// written into rows that deliveries removed since; see also ForgetValuesOfGone(). `layout`: what else is
/// told there; null: nothing.
absl::Status FillInbox(const SqliteFile& file, const FetchedDeliveries& fetched, std::int64_t now_ms,
                       InboxLayout* layout = nullptr);

/// Memory: all of it, at most what one fetch gives. An entry that cannot be read, which somebody else wrote,
/// is left out.
absl::StatusOr<std::vector<v1::Delivery>> ReadInbox(const SqliteFile& file);

/// In a change.
absl::Status RemoveFromInbox(const SqliteFile& file, const std::string& delivery_id);

/// The updates and deletes of an inbox, by the row that each is for. Memory: keys and ids of deliveries.
class RowsInInbox {
 public:
  /// Adds the delivery, in the order of the inbox; passes over one that inserts.
  void Add(const v1::Delivery& delivery);
  /// Ids in the order of the inbox. `table`: as it is sent; `key`: as hub and ledger have it.
  std::vector<std::string> Find(const std::string& table, const std::string& key) const;

 private:
  /// By the folded name of the table and KeyText() of the row.
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> ids_;
};

/// The same of a file. What is put into the inbox later is not among them.
class InboxRows {
 public:
  /// In a change. `file` outlives it.
  static absl::StatusOr<InboxRows> Read(const SqliteFile& file);
  /// In a change: of each of these rows of a table the first delivery that is still in the inbox. `table`: as
  /// it is sent; `keys`: in the types of deliveries.
  absl::StatusOr<std::vector<v1::Delivery>> Find(const std::string& table,
                                                 const std::vector<RowOf>& keys) const;

 private:
  explicit InboxRows(const SqliteFile& file) : file_(file) {}

  const SqliteFile& file_;
  RowsInInbox rows_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_INBOX_H_

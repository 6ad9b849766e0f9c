#ifndef MIRROR_SERVER_HUB_PLAN_HUB_VALUES_H_
#define MIRROR_SERVER_HUB_PLAN_HUB_VALUES_H_

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "proto/wire/table.h"
#include "server/hub/plan/hub_rules.h"

// The contents of a hub's file. Values without behaviour. Times are unix milliseconds of the hub's own clock,
// which never goes back.

namespace mirror {

/// A row of a system.
struct RowRef {
  std::string data_source, table;
  std::string key;  ///< KeyJson().
  friend auto operator<=>(const RowRef&, const RowRef&) = default;
};

/// A key that finds a row. It comes from a match rule whose attributes all have a value.
struct HubKey {
  std::size_t rule = 0;                 ///< Its place in HubEntity::match.
  std::vector<std::string> parts = {};  ///< Normalised, in the rule's order.
  /// HexDigest() of the attributes' names and the parts; the file keeps this.
  std::string hash = {};
  friend auto operator<=>(const HubKey& a, const HubKey& b) {
    return std::tie(a.rule, a.parts) <=> std::tie(b.rule, b.parts);
  }
  friend bool operator==(const HubKey& a, const HubKey& b) { return a.hash == b.hash; }
};
using HubKeys = std::set<HubKey>;
using KeyHashes = std::set<std::string>;

/// The value that a row has for an attribute.
struct Said {
  Literal value = Null{};  ///< The value in the row.
  Literal word = Null{};   ///< Its meaning: equal to `value`, or the golden value that the system converted
                           ///< to `value`.
  std::optional<std::int64_t> ms = std::nullopt;  ///< Time at which it was said; absent: the row has no value
                                                  ///< for the attribute.
  bool own = false;  ///< A user or program of that system wrote it; false: the exchange wrote it.
  friend bool operator==(const Said&, const Said&) = default;
};

/// State of a row in a derivation until the row's record is planned.
struct RowWork {
  bool read = false;
  bool fresh = false;             ///< The row has news, or a user or program of its system inserted it.
  bool identity_changed = false;  ///< Changed by its own news.
  bool resumed = false;           ///< First seen when its member was resumed.
  bool first = false;             ///< Its member's first reading found it.
  bool made = false;              ///< The exchange inserted it.
  std::string origin = {};        ///< With `made`: the record for which it was inserted; empty: that record
                                  ///< is no longer known.
  std::int64_t turn = 0;          ///< Number in the order of reading.
  /// Attributes that a user or program of that system changed, each with the version that was changed.
  std::map<std::string, std::int64_t> edited = {};
  /// Attributes in which the database undid a write of the exchange while another delivery was written.
  std::set<std::string> undone = {};
  /// Ids of deliveries that its source applied to the row since the last reading.
  std::set<std::string> applied = {};
  friend bool operator==(const RowWork&, const RowWork&) = default;
};

struct MemberRow {
  RowRef ref;
  std::int64_t row_id = 0;  ///< In the file; 0: not in it yet.
  std::string entity = {};
  std::string golden_id = {};  ///< Empty: in no record yet.
  std::map<std::string, Said> says = {};
  std::optional<std::int64_t> changed_ms = std::nullopt;  ///< From its own column `changed`.
  std::int64_t touched = 0;                               ///< When its last news were read.
  std::int64_t read_at = 0;                               ///< The last derivation that read it.
  bool doomed = false;                 ///< It was deleted in another system, and has had no news of its own
                                       ///< since.
  bool unsure = false;                 ///< A comparison found it unlike all former states, so it may be
                                       ///< another row.
  std::string joined_by = {};          ///< "vat", "name+city", "origin", "first", "hand".
  std::vector<KeyHashes> former = {};  ///< Keys that found it before, at most kFormerMax.
  KeyHashes indexed = {};              ///< Its keys in the index of the hub's file.
  RowWork work = {};
  friend bool operator==(const MemberRow&, const MemberRow&) = default;
};
inline constexpr std::size_t kFormerMax = 8;

/// A value of a record.
struct GivenValue {
  Literal value = Null{};
  std::int64_t ms = 0;
  RowRef giver = {};
  friend bool operator==(const GivenValue&, const GivenValue&) = default;
};

/// An entry of the history by which the hub notices that systems overwrite each other's values of an
/// attribute.
struct Turn {
  enum class Kind : std::uint8_t {
    kReplaced = 1,  ///< The exchange overwrote this value.
    kSaid = 2,      ///< A system replaced the exchange's value with this one.
    kBack = 3,      ///< As kSaid, and the value was there before.
    kUndone = 4,    ///< A database undid a delivery, see RowWork::undone.
  };
  std::int64_t ms = 0;  ///< When it happened. With kUndone: the version that was delivered.
  Kind kind = Kind::kBack;
  std::string mark = {};  ///< MarkOf() of the value; empty: not known.
  friend bool operator==(const Turn&, const Turn&) = default;
};

/// State of a record in a derivation until the record is planned.
struct RecordWork {
  bool touched = false;
  std::set<std::string> departed = {};          ///< Data sources where a user deleted a row of it.
  std::map<std::string, bool> given_back = {};  ///< By data source: whether the rows that it lost are to be
                                                ///< inserted again.
  KeyHashes lost = {};                          ///< Keys of rows that left.
  friend bool operator==(const RecordWork&, const RecordWork&) = default;
};

struct GoldenRecord {
  std::string id;
  std::string entity = {};
  std::int64_t number = 0;  ///< The lower, the older.
  std::map<std::string, GivenValue> values = {};
  std::set<std::string> had = {};  ///< Data sources that have or had a row of it.
  std::set<std::string> frozen = {};
  std::map<std::string, std::vector<Turn>> turns = {};  ///< By attribute, the oldest first.
  /// Records from which an operator parted it: no key joins them again.
  std::set<std::string> apart = {};
  /// Keys in the index of the hub's file: of its own values; if it has no rows, the keys by which its rows
  /// were found.
  KeyHashes indexed = {};
  std::optional<std::int64_t> empty_since = std::nullopt;  ///< Since when it has no row; absent: it has rows.
  RecordWork work = {};
  friend bool operator==(const GoldenRecord&, const GoldenRecord&) = default;
};

enum class HubOperation : std::uint8_t { kInsert = 1, kUpdate = 2, kDelete = 3 };
enum class DeliveryState : std::uint8_t { kOpen = 1, kHeld = 2, kDropped = 3 };

/// The table to which deliveries go, and their operation.
struct DeliveryPlace {
  std::string data_source, table;
  HubOperation operation = HubOperation::kUpdate;
  friend auto operator<=>(const DeliveryPlace&, const DeliveryPlace&) = default;
};

/// A source's note, in its ledger, that it did not apply a delivery.
struct Refusal {
  std::int64_t until = 0;     ///< When the source tries again, unix milliseconds of the source's clock.
  std::int64_t attempts = 0;  ///< How often the source refused it.
  std::string reason = {};    ///< Printable, without values.
  friend bool operator==(const Refusal&, const Refusal&) = default;
};

/// Values to be written into one row of one system.
struct HubDelivery {
  std::string id = {};
  std::string data_source, table;
  HubOperation operation = HubOperation::kUpdate;
  std::string key = {};  ///< Empty for an INSERT.
  std::string golden_id = {};
  struct Wish {
    Literal value;
    std::int64_t version_ms = 0;
    friend bool operator==(const Wish&, const Wish&) = default;
  };
  std::map<std::string, Wish> columns = {};
  std::map<std::string, Literal> locked = {};  ///< By column: the row's values as the hub knows them.
  HubKeys match_keys = {};                     ///< INSERT: the keys of the record's rows.
  std::int64_t needs = 0;                      ///< The time at which the record's newest input was read.
  DeliveryState state = DeliveryState::kOpen;
  std::int64_t number = 0;  ///< The lower, the older.
  bool fresh = false;       ///< Made by this derivation.
  std::optional<Refusal> refused = std::nullopt;

  /// Returns whether the other delivery has the same content, and so keeps the id.
  bool SameContent(const HubDelivery& other) const {
    return data_source == other.data_source && table == other.table && operation == other.operation &&
           key == other.key && golden_id == other.golden_id && columns == other.columns &&
           locked == other.locked && match_keys == other.match_keys;
  }
};

/// Values that a hub and a mirror store about each other. If the two differ, one of them was restored.
struct HubAnchor {
  std::string journal_id = {};
  std::int64_t number = 0;
  std::string token = {};  ///< Empty: no hub has read this mirror.
  friend bool operator==(const HubAnchor&, const HubAnchor&) = default;
};

/// How far the hub has read a member.
struct HubFeed {
  HubAnchor anchor = {};
  std::optional<std::int64_t> salt = std::nullopt;  ///< Salt of the entry with the anchor's number.
  std::optional<HubAnchor> before = std::nullopt;   ///< The mirror's anchor before the last commit.
  std::int64_t cycle = 0;                           ///< The completed cycle that the hub read last; 0: none
                                                    ///< yet.
  std::int64_t at = 0;                              ///< When the hub read it.
  std::int64_t ledger_number = 0;
  std::int64_t source_older = 0, mirror_older = 0;
  std::optional<std::int64_t> suspended = std::nullopt;  ///< Time of the suspension; absent: not suspended.
  bool own_restore = false;                              ///< The source itself was restored.
  bool reread = false;         ///< The rules have changed, so all rows of the member are read again.
  std::int64_t forgotten = 0;  ///< LookHead::erased up to which the hub forgot the erased data.
  std::int64_t erased = 0;     ///< LookHead::erased up to which no byte on disk has that data any more.
  friend bool operator==(const HubFeed&, const HubFeed&) = default;
};

struct HubState {
  std::int64_t time = 0;        ///< As the clock, except that it never goes back.
  bool hold = false;            ///< The hub was created again after its file was lost: new deliveries wait
                                ///< for an operator.
  std::int64_t records = 0;     ///< Number of the last record.
  std::int64_t deliveries = 0;  ///< Number of the last delivery.
};

/// Which side's values count when a suspended member is resumed.
enum class ResumeMode : std::uint8_t { kTheirs, kOurs, kNewest, kAsIs };

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_PLAN_HUB_VALUES_H_

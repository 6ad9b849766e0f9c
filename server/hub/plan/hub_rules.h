#ifndef MIRROR_SERVER_HUB_PLAN_HUB_RULES_H_
#define MIRROR_SERVER_HUB_PLAN_HUB_RULES_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "proto/wire/exchange/match_key.h"

// [[hub]]: which rows of which systems are one record, and whose value counts. Values; their only behaviour
// is lookups.

namespace mirror {

/// A table of a data source that holds records of an entity.
struct HubMember {
  std::string data_source, table;
  std::map<std::string, std::string> columns = {};         ///< By attribute.
  bool inserts = false, updates = false, deletes = false;  ///< What the hub may write there.
  /// The attributes that form the table's key, in its order, if the hub gives the key of a new row. Empty:
  /// the database makes the key.
  std::vector<std::string> key = {};
  /// A column with the time at which a row was changed; empty: there is none.
  std::string changed = {};
  std::string changed_format = {};  ///< For a text in `changed`: its format, as in strptime; empty: the
                                    ///< column is a time.
  friend bool operator==(const HubMember&, const HubMember&) = default;
};

/// How the value of an attribute is chosen.
struct AttributeRule {
  enum class Kind : std::uint8_t {
    kFirst,  ///< The first value. For an attribute by which rows are matched and that is never written.
    kOrder,  ///< The first data source of `order` that has a value.
    kNewest,
    kMost,
    kLongest,
  };
  Kind kind = Kind::kFirst;
  std::vector<std::string> order = {};
  friend bool operator==(const AttributeRule&, const AttributeRule&) = default;
};

struct HubEntity {
  std::string name;
  std::vector<std::vector<std::string>> match = {};      ///< Each list alone is enough for a match.
  std::map<std::string, Normalise> normalise = {};       ///< By attribute.
  std::vector<std::string> complete = {};                ///< Data sources.
  bool delete_any = false;                               ///< deletes = "any"
  std::map<std::string, AttributeRule> attributes = {};  ///< An attribute without a rule is used for matches
                                                         ///< and never written.
  std::vector<HubMember> members = {};
  friend bool operator==(const HubEntity&, const HubEntity&) = default;
};

struct HubRules {
  std::string storage;
  std::vector<std::string> data_sources = {};  ///< In the order of their first mention.
  /// By data source: its context id, if the configuration gives it.
  std::map<std::string, std::string> tenants = {};
  std::vector<HubEntity> entities = {};       ///< Parents first.
  std::uint32_t rows_percent = 20;            ///< The breaker's limit in percent of a data source's rows; 0:
                                              ///< no breaker.
  std::uint64_t breaker_rows_min = 100;       ///< Fewer deliveries are never held.
  std::uint32_t freeze_after = 4;             ///< Systems change back what the hub wrote this many times: the
                                              ///< attribute is frozen.
  std::int64_t freeze_window_ms = 3'600'000;  ///< within this.
  /// How long the hub remembers a record without rows, and the record of an issued INSERT.
  std::int64_t forget_ms = 400LL * 86'400'000;
  friend bool operator==(const HubRules&, const HubRules&) = default;

  struct Place {
    const HubEntity* entity = nullptr;
    const HubMember* member = nullptr;
  };
  /// Returns the entity and member of a table. Null: no entity has it.
  Place Find(std::string_view data_source, std::string_view table) const;
  const HubEntity* FindEntity(std::string_view name) const;
  /// Returns the place of a data source in `data_sources`.
  std::size_t Order(std::string_view data_source) const;
};

/// Returns whether the hub may write to any table of this data source.
bool IsWritten(const HubRules& rules, std::string_view data_source);
/// Returns whether there is a match rule whose attributes the hub copies from one row to the others.
bool CarriesMatch(const HubEntity& entity);
/// Returns all attributes that any member has.
std::vector<std::string> AttributesOf(const HubEntity& entity);
/// Returns the digest of all rules that decide which rows are one record, which values it has, and what is
/// written.
std::string DigestOf(const HubRules& rules);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_PLAN_HUB_RULES_H_

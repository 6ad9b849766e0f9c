#ifndef MIRROR_SERVER_HUB_PLAN_HUB_RULES_H_
#define MIRROR_SERVER_HUB_PLAN_HUB_RULES_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proto/wire/exchange/match_key.h"

// [[hub]]: which rows of which systems are one, and whose word counts. Values, no behaviour but lookups.

namespace mirror {

/// A table of a data source that holds records of an entity.
struct HubMember {
  std::string data_source, table;
  std::map<std::string, std::string> columns = {};         ///< By attribute.
  bool inserts = false, updates = false, deletes = false;  ///< What the hub may have written there.
  /// The attributes that are the table's key, in its order, where a new row brings it; empty: the database
  /// makes it.
  std::vector<std::string> key = {};
  /// A column that says when a row was changed; empty: there is none.
  std::string changed = {};
  std::string changed_format = {};  ///< Of a text in it, as of strptime; empty: it is a time already.
  friend bool operator==(const HubMember&, const HubMember&) = default;
};

/// Whose word counts for an attribute.
struct AttributeRule {
  enum class Kind : std::uint8_t {
    kFirst,  ///< The first value; of an attribute that rows are matched by and that is never written.
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
  std::vector<std::vector<std::string>> match = {};      ///< Any of these lists of attributes.
  std::map<std::string, Normalise> normalise = {};       ///< By attribute.
  std::vector<std::string> complete = {};                ///< Data sources.
  bool delete_any = false;                               ///< deletes = "any"
  std::map<std::string, AttributeRule> attributes = {};  ///< Without one it is matched, never written.
  std::vector<HubMember> members = {};
  friend bool operator==(const HubEntity&, const HubEntity&) = default;
};

struct HubRules {
  std::string storage;
  std::vector<std::string> data_sources = {};  ///< In the order in which they are first named.
  /// By data source: its context id, where the configuration says it.
  std::map<std::string, std::string> tenants = {};
  std::vector<HubEntity> entities = {};       ///< Parents first.
  std::uint32_t rows_percent = 20;            ///< Of the breaker; 0: there is none.
  std::uint64_t breaker_rows_min = 100;       ///< Fewer are never held back.
  std::uint32_t freeze_after = 4;             ///< Times that systems take back what the hub wrote,
  std::int64_t freeze_window_ms = 3'600'000;  ///< within this.
  friend bool operator==(const HubRules&, const HubRules&) = default;

  struct Place {
    const HubEntity* entity = nullptr;
    const HubMember* member = nullptr;
  };
  /// Null: nobody's.
  Place Find(std::string_view data_source, std::string_view table) const;
  const HubEntity* FindEntity(std::string_view name) const;
  /// Place of a data source in `data_sources`.
  std::size_t Order(std::string_view data_source) const;
};

/// Whether the hub may have anything written there.
bool IsWritten(const HubRules& rules, std::string_view data_source);
/// Whether there is a match rule whose attributes the hub carries from one row to the others.
bool CarriesMatch(const HubEntity& entity);
/// All attributes that any member has.
std::vector<std::string> AttributesOf(const HubEntity& entity);
/// Of what decides which rows are one, what they say and what is written.
std::string DigestOf(const HubRules& rules);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_PLAN_HUB_RULES_H_

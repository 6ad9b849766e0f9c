// Gives the hub's planners what the model gave its own, and compares what comes out:
//
//   tests/exchange/model.py trace --histories 100 | exchange_replay [--keep-going]
//
// Exit code: 0 all derivations are the same, 1 one is not, or the file cannot be used.

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/db/sqlite/connection.h"
#include "proto/wire/exchange/value_json.h"
#include "server/hub/plan/derive.h"
#include "server/hub/plan/match_keys.h"
#include "server/hub/sqlite_hub_book.h"
#include "server/hub/sqlite_hub_file.h"

namespace mirror {
namespace {

using Json = nlohmann::json;

Literal LiteralOfJson(const Json& json) {
  if (json.is_null()) return Null{};
  if (json.is_string()) return json.get<std::string>();
  return json.get<std::int64_t>();
}

Json JsonOf(const Literal& value) { return Json::parse(ValueJson(value)); }

template <typename Number>
Json OrNull(const std::optional<Number>& number) {
  return number ? Json(*number) : Json();
}

std::string Text(const Json& json) { return json.is_null() ? "" : json.get<std::string>(); }

RowRef RefOf(const Json& json) { return {json[0], json[1], json[2]}; }
Json JsonOf(const RowRef& ref) { return {ref.data_source, ref.table, ref.key}; }

// Salts are texts in the model.
std::int64_t SaltOfText(const std::string& salt) { return std::strtoll(salt.c_str() + 1, nullptr, 10); }

HubOperation OperationOf(const std::string& word) {
  return word == "INSERT"   ? HubOperation::kInsert
         : word == "DELETE" ? HubOperation::kDelete
                            : HubOperation::kUpdate;
}

HubRules RulesOf(const Json& config) {
  HubRules rules;
  rules.storage = "Acme";
  rules.data_sources = config["sources"].get<std::vector<std::string>>();
  rules.rows_percent = config["rows_percent"];
  rules.breaker_rows_min = 3;
  rules.freeze_after = config["freeze_after"];
  rules.freeze_window_ms = config["freeze_window"];
  for (const Json& e : config["entities"]) {
    HubEntity& entity = rules.entities.emplace_back();
    entity.name = e["name"];
    entity.match = e["match"].get<std::vector<std::vector<std::string>>>();
    entity.delete_any = e["any"];
    entity.complete = e["complete"].get<std::vector<std::string>>();
    for (const auto& [attribute, how] : e["attributes"].items()) {
      AttributeRule& rule = entity.attributes[attribute];
      using Kind = AttributeRule::Kind;
      rule.kind = how.is_array()     ? Kind::kOrder
                  : how == "most"    ? Kind::kMost
                  : how == "longest" ? Kind::kLongest
                                     : Kind::kNewest;
      if (how.is_array()) rule.order = how.get<std::vector<std::string>>();
    }
    for (const Json& m : e["members"]) {
      HubMember& member = entity.members.emplace_back();
      member.data_source = m["data_source"];
      member.table = m["table"];
      member.columns = m["columns"].get<std::map<std::string, std::string>>();
      for (const std::string word : m["write"]) {
        (word == "insert" ? member.inserts : word == "update" ? member.updates : member.deletes) = true;
      }
      member.key = m["key"].get<std::vector<std::string>>();
      member.changed = m["changed"];
      for (const auto& [attribute, column] : member.columns) entity.normalise[attribute] = Normalise::kFold;
    }
  }
  return rules;
}

HubAnchor AnchorOf(const Json& acked) { return {acked[0], acked[1], Text(acked[2])}; }
Json JsonOf(const HubAnchor& anchor) {
  return {anchor.journal_id, anchor.number, anchor.token.empty() ? Json() : Json(anchor.token)};
}

class TraceLook final : public MemberLook {
 public:
  explicit TraceLook(const Json& look) : look_(look) {
    head_ = {AnchorOf(look["acked"]), look["number"], look["cycle"], look["source_older"],
             look["mirror_older"]};
  }

  const LookHead& head() const override { return head_; }

  absl::StatusOr<std::optional<std::int64_t>> SaltOf(std::int64_t number) override {
    const auto salt = look_["salts"].find(std::to_string(number));
    if (salt == look_["salts"].end()) return std::nullopt;
    return SaltOfText(*salt);
  }

  absl::Status ReadNews(std::int64_t number, const TakeNews& take) override {
    for (const Json& entry : look_["journal"]) {
      if (entry[0].get<std::int64_t>() <= number) continue;
      if (absl::Status status = take({entry[1], Text(entry[2]), entry[3]}); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<LedgerEntry>> ReadLedger(std::int64_t above,
                                                      std::optional<std::int64_t>) override {
    std::map<std::int64_t, LedgerEntry> entries;
    for (const Json& e : look_["ledger"]) {
      const std::int64_t number = e["n"];
      if (number <= above || e["state"] != "APPLIED") continue;
      LedgerEntry entry{e["id"], number, OperationOf(e["operation"]), e["table"], Text(e["key"])};
      for (const auto& [column, wrote] : e["wrote"].items()) {
        WroteColumn& taken = entry.wrote[column];
        if (!wrote[0].is_null()) {
          taken.version_ms = wrote[0].get<std::int64_t>();
          taken.wish = LiteralOfJson(wrote[1]);
        }
        taken.result = LiteralOfJson(wrote[2]);
      }
      entries.emplace(number, std::move(entry));
    }
    std::vector<LedgerEntry> sorted;
    for (auto& [number, entry] : entries) sorted.push_back(std::move(entry));
    return sorted;
  }

  absl::StatusOr<std::int64_t> LastLedgerNumber() override {
    std::int64_t last = 0;
    for (const Json& entry : look_["ledger"]) last = std::max(last, entry["n"].get<std::int64_t>());
    return last;
  }

  absl::StatusOr<std::optional<SourceRow>> ReadRow(const HubMember& member, const std::string& key) override {
    for (const Json& row : look_["tables"][member.table]) {
      if (row[0] == key) return RowOf(member, row[1]);
    }
    return std::nullopt;
  }

  absl::Status ReadRows(const HubMember& member, const TakeRow& take) override {
    for (const Json& row : look_["tables"][member.table]) {
      if (absl::Status status = take(row[0], RowOf(member, row[1])); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

 private:
  static SourceRow RowOf(const HubMember& member, const Json& values) {
    SourceRow row;
    for (const auto& [attribute, column] : member.columns) {
      const auto value = values.find(column);
      row.values[column] = value == values.end() ? Literal(Null{}) : LiteralOfJson(*value);
    }
    const auto changed = values.find(member.changed);
    if (changed != values.end() && !changed->is_null()) row.changed_ms = changed->get<std::int64_t>();
    return row;
  }

  Json look_;
  LookHead head_;
};

class Replay {
 public:
  explicit Replay(std::string folder) : folder_(std::move(folder)) { Lose(); }

  /// Empty: it is the same as the model's.
  std::string Take(const Json& event) {
    const std::string what = event["event"];
    if (what == "config") {
      rules_ = RulesOf(event);
      Check(LayOutHub(*file_, rules_));
    } else if (what == "backup") {
      const std::string path = PathOf(event["what"]);
      std::filesystem::remove(path);
      Check(file_->Prepare("VACUUM INTO ?").With(path).Run());
    } else if (what == "restore") {
      Check(file_->LoadFrom(PathOf(event["what"]), 0));
    } else if (what == "lose") {
      Lose();
      Check(LayOutHub(*file_, rules_));
      WriteOlder(event["older"]);
    } else if (what == "open") {
      Check(file_->Execute("UPDATE _hub_deliveries SET state = 1; UPDATE _hub_rows SET unsure = 0"));
      Check(file_->Execute(absl::StrCat("UPDATE _hub_state SET hold = ", event["hold"].get<bool>() ? 1 : 0)));
    } else if (what == "derive") {
      return DeriveAndCompare(event);
    }
    return "";
  }

 private:
  static void Check(const absl::Status& status) {
    if (status.ok()) return;
    std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
    std::exit(1);
  }
  std::string PathOf(const std::string& what) const { return absl::StrCat(folder_, "/", what, ".db"); }

  void Lose() {
    auto opened = sqlite::Connection::Open(
        ":memory:", {.mode = sqlite::OpenAs::Mode::kMake},
        [](const sqlite::Failure& failure, std::string_view) { return absl::InternalError(failure.words); });
    Check(opened.status());
    file_ = *std::move(opened);
  }

  void WriteOlder(const Json& older) {
    SqliteHubBook book(*file_, rules_);
    for (const auto& [name, both] : older.items()) {
      HubFeed feed;
      feed.source_older = both[0];
      feed.mirror_older = both[1];
      Check(book.WriteFeed(name, feed));
    }
  }

  std::string DeriveAndCompare(const Json& event);
  Json RowsOf();
  Json RecordsOf();
  Json DeliveriesOf(SqliteHubBook& book);
  std::string DeliveryId(const Json& event, const HubDelivery& delivery) const;

  const std::string folder_;
  HubRules rules_;
  std::unique_ptr<sqlite::Connection> file_;
};

Json JsonOf(const HubKeys& keys) {
  Json json = Json::array();
  for (const HubKey& key : keys) json.push_back({key.rule, key.parts});
  return json;
}

Json ContentOf(const HubDelivery& delivery) {
  Json columns = Json::object(), locked = Json::object();
  for (const auto& [column, wish] : delivery.columns) columns[column] = {JsonOf(wish.value), wish.version_ms};
  for (const auto& [column, value] : delivery.locked) locked[column] = JsonOf(value);
  const char* const words[] = {"", "INSERT", "UPDATE", "DELETE"};
  return {delivery.data_source,
          delivery.table,
          words[static_cast<int>(delivery.operation)],
          delivery.key,
          delivery.golden_id,
          columns,
          locked,
          JsonOf(delivery.match_keys)};
}

std::string Replay::DeliveryId(const Json& event, const HubDelivery& delivery) const {
  const Json content = ContentOf(delivery);
  for (const Json& expected : event["deliveries"]) {
    if (Json(std::vector<Json>(expected.begin() + 1, expected.begin() + 9)) == content) return expected[0];
  }
  return absl::StrCat("not the model's, ", delivery.number);
}

Json Replay::RowsOf() {
  Json rows = Json::object();
  sqlite::Statement read = file_->Prepare("SELECT data_source, table_name, key FROM _hub_rows");
  std::vector<RowRef> refs;
  while (*read.Step()) refs.push_back({read.Text(0), read.Text(1), read.Text(2)});
  read.Reset();
  SqliteHubBook book(*file_, rules_);
  for (const RowRef& ref : refs) {
    const MemberRow row = **book.ReadRow(ref);
    Json says = Json::object();
    for (const auto& [attribute, said] : row.says) {
      says[attribute] = {JsonOf(said.value), JsonOf(said.word), OrNull(said.ms), said.own};
    }
    rows[JsonOf(ref).dump()] = {row.golden_id, says,          row.touched, row.doomed,
                                row.unsure,    row.joined_by, row.former,  row.work.read || row.work.fresh};
  }
  return rows;
}

// Which record of an entity is older than which, not the numbers themselves.
using Numbers = std::map<std::string, std::map<std::int64_t, std::string>>;
void Rank(const Numbers& numbers, Json* records) {
  for (const auto& [entity, ids] : numbers) {
    int place = 0;
    for (const auto& [number, id] : ids) (*records)[id][0] = ++place;
  }
}

Json Replay::RecordsOf() {
  Json records = Json::object();
  sqlite::Statement read = file_->Prepare("SELECT golden_id FROM _hub_records");
  const std::vector<std::string> ids = *read.Texts();
  SqliteHubBook book(*file_, rules_);
  Numbers by_number;
  for (const std::string& id : ids) {
    const GoldenRecord record = **book.ReadRecord(id);
    by_number[record.entity][record.number] = id;
    Json values = Json::object();
    for (const auto& [attribute, given] : record.values) {
      values[attribute] = {JsonOf(given.value), given.ms, JsonOf(given.giver)};
    }
    records[id] = {0, values, record.had, record.frozen};
  }
  Rank(by_number, &records);
  return records;
}

Json Replay::DeliveriesOf(SqliteHubBook& book) {
  Json deliveries = Json::object();
  sqlite::Statement read = file_->Prepare("SELECT DISTINCT golden_id FROM _hub_deliveries");
  const char* const states[] = {"", "OPEN", "HELD", "DROPPED"};
  const std::vector<std::string> ids = *read.Texts();
  for (const std::string& golden_id : ids) {
    const std::vector<HubDelivery> here = *book.DeliveriesOf(golden_id);
    for (const HubDelivery& delivery : here) {
      Json content = ContentOf(delivery);
      content.push_back(delivery.needs);
      content.push_back(states[static_cast<int>(delivery.state)]);
      deliveries[delivery.id] = content;
    }
  }
  return deliveries;
}

// The model's, in the same form.
Json ExpectedRows(const Json& event, const HubRules& rules) {
  Json rows = Json::object();
  for (const Json& row : event["rows"]) {
    const RowRef ref = RefOf(row[0]);
    Json former = Json::array();
    for (const Json& keys : row[7]) {
      KeyHashes hashes;
      for (const Json& key : keys) {
        const HubEntity& entity = *rules.Find(ref.data_source, ref.table).entity;
        HubEntity alone = entity;
        alone.match = {entity.match[key[0].get<std::size_t>()]};
        alone.normalise.clear();
        std::map<std::string, Literal> values;
        for (std::size_t i = 0; i < alone.match[0].size(); ++i) {
          values[alone.match[0][i]] = key[1][i].get<std::string>();
        }
        const HubKeys found =
            KeysOf(alone, [&](const std::string& attribute) { return &values.at(attribute); });
        hashes.insert(found.begin()->hash);
      }
      former.push_back(hashes);
    }
    rows[row[0].dump()] = {row[1], row[2], row[3], row[4], row[5], row[6], former, false};
  }
  return rows;
}

Json ExpectedRecords(const Json& event) {
  Json records = Json::object();
  Numbers by_number;
  for (const Json& golden : event["golden"]) {
    by_number[golden[5].get<std::string>()][golden[1]] = golden[0];
    records[golden[0].get<std::string>()] = {0, golden[2], golden[3], golden[4]};
  }
  Rank(by_number, &records);
  return records;
}

std::string Difference(const char* what, const Json& expected, const Json& found) {
  if (expected == found) return "";
  std::string text = absl::StrCat(what, " differ:");
  for (const Json& change : Json::diff(expected, found)) absl::StrAppend(&text, "\n  ", change.dump());
  return absl::StrCat(text, "\n  the model's: ", expected.dump(), "\n");
}

std::string Replay::DeriveAndCompare(const Json& event) {
  DeriveInput input;
  input.now_ms = event["now"];
  std::vector<std::unique_ptr<TraceLook>> looks;
  for (const auto& [name, look] : event["looks"].items()) {
    looks.push_back(std::make_unique<TraceLook>(look));
    input.looks[name] = looks.back().get();
  }
  input.cycles = event["cycles"].get<std::map<std::string, std::int64_t>>();
  for (const auto& [name, mode] : event["modes"].items()) {
    if (mode.is_null()) continue;
    input.modes[name] = mode == "theirs"   ? ResumeMode::kTheirs
                        : mode == "ours"   ? ResumeMode::kOurs
                        : mode == "newest" ? ResumeMode::kNewest
                                           : ResumeMode::kAsIs;
  }
  std::map<std::string, std::string> founded;
  for (const Json& both : event["founded"]) founded[both[0].dump()] = both[1];
  input.record_id = [&](const MemberRow& founder) {
    const auto id = founded.find(JsonOf(founder.ref).dump());
    return id == founded.end() ? absl::StrCat("not the model's, of ", founder.ref.key) : id->second;
  };
  input.delivery_id = [&](const HubDelivery& delivery) { return DeliveryId(event, delivery); };
  input.token = [&](const std::string& name) { return Text(event["feeds"][name][2]); };
  Check(file_->Execute("BEGIN IMMEDIATE"));
  SqliteHubBook book(*file_, rules_);
  absl::StatusOr<Derived> derived = Derive(rules_, input, &book);
  Check(derived.status());
  Check(file_->Execute("COMMIT"));
  Json feeds = Json::object(), expected_feeds = event["feeds"];
  for (auto& feed : expected_feeds) {
    if (!feed[3].is_null()) feed[3] = SaltOfText(feed[3]);
    if (feed[4].is_null()) feed[4] = Json();
  }
  const std::map<std::string, HubFeed> known = *book.ReadFeeds();
  for (const auto& [name, feed] : known) {
    feeds[name] = {feed.anchor.journal_id,
                   feed.anchor.number,
                   feed.anchor.token.empty() ? Json() : Json(feed.anchor.token),
                   OrNull(feed.salt),
                   feed.before ? JsonOf(*feed.before) : Json(),
                   feed.cycle,
                   feed.at,
                   feed.ledger_number,
                   feed.source_older,
                   feed.mirror_older,
                   OrNull(feed.suspended),
                   feed.own_restore};
  }
  Json expected_deliveries = Json::object();
  for (const Json& d : event["deliveries"]) {
    expected_deliveries[d[0].get<std::string>()] = std::vector<Json>(d.begin() + 1, d.end());
  }
  const HubState state = *book.ReadState();
  return Difference("rows", ExpectedRows(event, rules_), RowsOf()) +
         Difference("records", ExpectedRecords(event), RecordsOf()) +
         Difference("deliveries", expected_deliveries, DeliveriesOf(book)) +
         Difference("feeds", expected_feeds, feeds) +
         Difference("state", Json{event["time"], event["hold"]}, Json{state.time, state.hold});
}

int Run(bool keep_going) {
  char folder[] = "/tmp/exchange_replay_XXXXXX";
  if (mkdtemp(folder) == nullptr) return 1;
  std::unique_ptr<Replay> replay;
  std::string line, history;
  int histories = 0, derivations = 0, failed = 0;
  bool skip = false;
  while (std::getline(std::cin, line)) {
    const Json event = Json::parse(line);
    if (event["event"] == "history") {
      replay = std::make_unique<Replay>(folder);
      history = event["name"];
      ++histories;
      skip = false;
      derivations = 0;
      continue;
    }
    if (skip) continue;
    derivations += event["event"] == "derive" ? 1 : 0;
    const std::string difference = replay->Take(event);
    if (difference.empty()) continue;
    std::cout << history << ", derivation " << derivations << ": " << difference << std::endl;
    ++failed;
    skip = true;
    if (!keep_going) break;
  }
  std::filesystem::remove_all(folder);
  std::cout << histories << " histories, " << failed << " differ" << std::endl;
  return failed > 0 || histories == 0 ? 1 : 0;
}

}  // namespace
}  // namespace mirror

int main(int argc, char** argv) { return mirror::Run(argc > 1 && std::string(argv[1]) == "--keep-going"); }

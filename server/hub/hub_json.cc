#include "server/hub/hub_json.h"

#include <functional>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "base/json_document.h"
#include "base/json_writer.h"
#include "base/status_macros.h"
#include "proto/wire/exchange/value_json.h"

namespace mirror {
namespace {

absl::Status OtherForm() { return absl::DataLossError("the hub's file has a text of an unknown form"); }

std::int64_t NumberOf(const JsonView& json) {
  std::int64_t number = 0;
  return absl::SimpleAtoi(std::string(json.text()), &number) ? number : 0;
}

/// Calls `take` for each member of an object; an empty text has none.
absl::Status ForEachMember(std::string_view json,
                           const std::function<absl::Status(std::string name, const JsonView& value)>& take) {
  if (json.empty()) return absl::OkStatus();
  absl::StatusOr<JsonDocument> document = JsonDocument::Parse(json);
  if (!document.ok() || !document->root().Is(JsonKind::kObject)) return OtherForm();
  for (const auto& [name, value] : document->root().Members()) {
    RETURN_IF_ERROR(take(std::string(name), value));
  }
  return absl::OkStatus();
}

absl::Status TakeValue(const JsonView& json, Literal* value) {
  absl::StatusOr<Literal> taken = ValueOf(json);
  if (!taken.ok()) return OtherForm();
  *value = *std::move(taken);
  return absl::OkStatus();
}

void Put(const std::set<std::string>& names, JsonWriter* json) {
  json->Begin('[');
  for (const std::string& name : names) json->String(name);
  json->End(']');
}

absl::Status TakeSaid(const JsonView& json, Said* said) {
  const std::vector<JsonView> parts = json.Elements();
  if (parts.size() < 3) return OtherForm();
  RETURN_IF_ERROR(TakeValue(parts[0], &said->value));
  said->word = said->value;
  if (!parts[1].Is(JsonKind::kNull)) said->ms = NumberOf(parts[1]);
  said->own = NumberOf(parts[2]) != 0;
  return parts.size() > 3 ? TakeValue(parts[3], &said->word) : absl::OkStatus();
}

}  // namespace

std::string SaysJson(const MemberRow& row) {
  JsonWriter json;
  json.Begin('{');
  for (const auto& [attribute, said] : row.says) {
    json.Key(attribute).Begin('[').Raw(ValueJson(said.value));
    if (said.ms) {
      json.Number(*said.ms);
    } else {
      json.Null();
    }
    json.Number(std::int64_t{said.own});
    if (said.word != said.value) json.Raw(ValueJson(said.word));
    json.End(']');
  }
  json.End('}');
  return json.Take();
}

absl::Status TakeSays(std::string_view json, MemberRow* row) {
  return ForEachMember(json, [&](std::string attribute, const JsonView& value) {
    return TakeSaid(value, &row->says[std::move(attribute)]);
  });
}

absl::StatusOr<bool> HasOtherWord(std::string_view says) {
  bool has = false;
  RETURN_IF_ERROR(ForEachMember(says, [&](const std::string&, const JsonView& value) {
    has = has || value.Elements().size() > 3;
    return absl::OkStatus();
  }));
  return has;
}

std::string FormerJson(const std::vector<KeyHashes>& former) {
  if (former.empty()) return "";
  JsonWriter json;
  json.Begin('[');
  for (const KeyHashes& hashes : former) Put(hashes, &json);
  json.End(']');
  return json.Take();
}

absl::Status TakeFormer(std::string_view json, std::vector<KeyHashes>* former) {
  if (json.empty()) return absl::OkStatus();
  absl::StatusOr<JsonDocument> document = JsonDocument::Parse(json);
  if (!document.ok()) return OtherForm();
  for (const JsonView& hashes : document->root().Elements()) {
    KeyHashes& taken = former->emplace_back();
    for (const JsonView& hash : hashes.Elements()) taken.emplace(hash.text());
  }
  return absl::OkStatus();
}

std::string WorkJson(const RowWork& work) {
  if (!work.read) return "";
  JsonWriter json;
  json.Begin('{').Key("turn").Number(work.turn);
  if (work.fresh) json.Key("fresh").Bool(true);
  if (work.identity_changed) json.Key("identity").Bool(true);
  if (work.resumed) json.Key("resumed").Bool(true);
  if (work.first) json.Key("first").Bool(true);
  if (work.made) json.Member("made", work.origin);
  if (!work.edited.empty()) {
    json.Key("edited").Begin('{');
    for (const auto& [attribute, base_ms] : work.edited) json.Key(attribute).Number(base_ms);
    json.End('}');
  }
  if (!work.undone.empty()) Put(work.undone, &json.Key("undone"));
  if (!work.applied.empty()) Put(work.applied, &json.Key("applied"));
  json.End('}');
  return json.Take();
}

absl::Status TakeWork(std::string_view json, RowWork* work) {
  work->read = !json.empty();
  return ForEachMember(json, [&](const std::string& name, const JsonView& value) {
    if (name == "turn") work->turn = NumberOf(value);
    if (name == "fresh") work->fresh = true;
    if (name == "identity") work->identity_changed = true;
    if (name == "resumed") work->resumed = true;
    if (name == "first") work->first = true;
    if (name == "made") {
      work->made = true;
      work->origin = std::string(value.text());
    }
    std::set<std::string>* const names = name == "undone"    ? &work->undone
                                         : name == "applied" ? &work->applied
                                                             : nullptr;
    if (names != nullptr) {
      for (const JsonView& one : value.Elements()) names->emplace(one.text());
    }
    if (name == "edited") {
      for (const auto& [attribute, base_ms] : value.Members()) {
        work->edited[std::string(attribute)] = NumberOf(base_ms);
      }
    }
    return absl::OkStatus();
  });
}

std::string WorkJson(const RecordWork& work) {
  if (!work.touched) return "";
  JsonWriter json;
  json.Begin('{');
  if (!work.departed.empty()) Put(work.departed, &json.Key("departed"));
  if (!work.lost.empty()) Put(work.lost, &json.Key("lost"));
  if (!work.given_back.empty()) {
    json.Key("given_back").Begin('{');
    for (const auto& [name, yes] : work.given_back) json.Key(name).Bool(yes);
    json.End('}');
  }
  json.End('}');
  return json.Take();
}

absl::Status TakeWork(std::string_view json, RecordWork* work) {
  work->touched = !json.empty();
  return ForEachMember(json, [&](const std::string& name, const JsonView& value) {
    for (const JsonView& element : value.Elements()) {
      (name == "departed" ? work->departed : work->lost).emplace(element.text());
    }
    for (const auto& [source, yes] : value.Members()) work->given_back[std::string(source)] = yes.IsTrue();
    return absl::OkStatus();
  });
}

std::string ValuesJson(const GoldenRecord& record) {
  JsonWriter json;
  json.Begin('{');
  for (const auto& [attribute, given] : record.values) {
    json.Key(attribute).Begin('[').Raw(ValueJson(given.value)).Number(given.ms);
    json.String(given.giver.data_source).String(given.giver.table).String(given.giver.key).End(']');
  }
  json.End('}');
  return json.Take();
}

absl::Status TakeValues(std::string_view json, GoldenRecord* record) {
  return ForEachMember(json, [&](std::string attribute, const JsonView& value) {
    const std::vector<JsonView> parts = value.Elements();
    if (parts.size() != 5) return OtherForm();
    GivenValue& given = record->values[std::move(attribute)];
    given.ms = NumberOf(parts[1]);
    given.giver = {std::string(parts[2].text()), std::string(parts[3].text()), std::string(parts[4].text())};
    return TakeValue(parts[0], &given.value);
  });
}

std::string TurnsJson(const GoldenRecord& record) {
  if (record.turns.empty()) return "";
  JsonWriter json;
  json.Begin('{');
  for (const auto& [attribute, turns] : record.turns) {
    json.Key(attribute).Begin('[');
    for (const Turn& turn : turns) {
      json.Begin('[').Number(turn.ms).Number(static_cast<std::int64_t>(turn.kind)).String(turn.mark).End(']');
    }
    json.End(']');
  }
  json.End('}');
  return json.Take();
}

absl::Status TakeTurns(std::string_view json, GoldenRecord* record) {
  return ForEachMember(json, [&](std::string attribute, const JsonView& value) {
    std::vector<Turn>& turns = record->turns[std::move(attribute)];
    for (const JsonView& one : value.Elements()) {
      const std::vector<JsonView> parts = one.Elements();
      if (parts.size() == 3) {
        turns.push_back(
            {NumberOf(parts[0]), static_cast<Turn::Kind>(NumberOf(parts[1])), std::string(parts[2].text())});
      } else {
        turns.push_back({NumberOf(one)});  // Only a time: the format before marks existed.
      }
    }
    return absl::OkStatus();
  });
}

std::string NamesJson(const std::set<std::string>& names) {
  JsonWriter json;
  Put(names, &json);
  return json.Take();
}

absl::Status TakeNames(std::string_view json, std::set<std::string>* names) {
  if (json.empty()) return absl::OkStatus();
  absl::StatusOr<JsonDocument> document = JsonDocument::Parse(json);
  if (!document.ok()) return OtherForm();
  for (const JsonView& name : document->root().Elements()) names->emplace(name.text());
  return absl::OkStatus();
}

std::string BodyJson(const HubDelivery& delivery) {
  JsonWriter json;
  json.Begin('{').Key("columns").Begin('{');
  for (const auto& [column, wish] : delivery.columns) {
    json.Key(column).Begin('[').Raw(ValueJson(wish.value)).Number(wish.version_ms).End(']');
  }
  json.End('}').Key("locked").Begin('{');
  for (const auto& [column, value] : delivery.locked) json.Key(column).Raw(ValueJson(value));
  json.End('}').Key("keys").Begin('[');
  for (const HubKey& key : delivery.match_keys) {
    json.Begin('[').Number(static_cast<std::uint64_t>(key.rule)).String(key.hash);
    for (const std::string& part : key.parts) json.String(part);
    json.End(']');
  }
  json.End(']').End('}');
  return json.Take();
}

absl::Status TakeBody(std::string_view json, HubDelivery* delivery) {
  return ForEachMember(json, [&](const std::string& name, const JsonView& value) {
    absl::Status status;
    for (const auto& [column, member] : value.Members()) {
      if (name == "columns") {
        const std::vector<JsonView> parts = member.Elements();
        if (parts.size() != 2) return OtherForm();
        HubDelivery::Wish& wish = delivery->columns[std::string(column)];
        wish.version_ms = NumberOf(parts[1]);
        status = TakeValue(parts[0], &wish.value);
      } else {
        status = TakeValue(member, &delivery->locked[std::string(column)]);
      }
      if (!status.ok()) return status;
    }
    for (const JsonView& element : value.Elements()) {
      const std::vector<JsonView> parts = element.Elements();
      if (parts.size() < 3) return OtherForm();
      HubKey key;
      key.rule = static_cast<std::size_t>(NumberOf(parts[0]));
      key.hash = std::string(parts[1].text());
      for (std::size_t i = 2; i < parts.size(); ++i) key.parts.emplace_back(parts[i].text());
      delivery->match_keys.insert(std::move(key));
    }
    return status;
  });
}

}  // namespace mirror

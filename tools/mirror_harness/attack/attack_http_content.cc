// Attacks on the HTTP door by JSON and targets that are meant to break their parsers. Each must be refused
// within limits of time and memory, without an effect on other clients.
#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tools/mirror_harness/attack/attack.h"
#include "tools/mirror_harness/attack/http_victim.h"
#include "tools/mirror_harness/attack/target.h"

namespace mirror::harness {
namespace {

/// Slightly less than the door accepts.
constexpr std::size_t kBodyBytes = 4'000'000;

std::string Repeated(const std::string& piece, std::size_t bytes) {
  std::string text;
  text.reserve(bytes + piece.size());
  while (text.size() + piece.size() <= bytes) text += piece;
  return text;
}

/// Makes an attack that sends these bodies, each with the attackers' key.
Attack::Run Bodies(std::vector<std::string> (*make)()) {
  return [make](Target& target) {
    const HttpVictim& victim = target.http();
    Outcome all;
    for (const std::string& body : make())
      AddOutcome(OutcomeOf(AskOnce(victim.door(), victim.Upsert({}, body), kAttackPatience)), &all);
    return victim.Check(all);
  };
}

/// Returns a body with one partner, whose record is this text.
std::string WithRecord(const std::string& record) {
  const nlohmann::json body = {{"featuresOn", {"UPSERT_BY_EXTERNAL_ID"}},
                               {"businessPartners", {{{"externalId", "hostile"}, {"record", record}}}}};
  return body.dump();
}

std::vector<std::string> Deep() {
  const std::size_t million = 1'000'000;
  return {std::string(million, '['), std::string(million, '[') + std::string(million, ']'),
          Repeated("{\"a\":", kBodyBytes),
          "{\"businessPartners\":" + std::string(million, '[') + std::string(million, ']') + "}"};
}

std::vector<std::string> Small() {
  return {"[" + Repeated("{},", kBodyBytes) + "{}]",
          "{\"businessPartners\":[" + Repeated("{},", kBodyBytes) + "{}]}",
          "{\"businessPartners\":[" + Repeated("0,", kBodyBytes) + "0]}"};
}

std::vector<std::string> Duplicates() {
  return {"{\"businessPartners\":[],\"businessPartners\":[{\"externalId\":\"1\"}]}",
          "{\"businessPartners\":[{\"externalId\":\"1\",\"externalId\":\"2\",\"record\":\"{}\"}]}",
          "{\"businessPartners\":[],\"business\\u0050artners\":[]}"};
}

std::vector<std::string> NoJson() {
  return {"{",
          "{\"businessPartners\":[\"\xff\xfe\"]}",
          "{\"a\":\"\\ud800\",\"businessPartners\":[]}",
          std::string("{\"businessPartners\":[]}\0{\"more\":1}", 34),
          "{\"businessPartners\":[]}{}",
          "{\"a\":1e999999,\"businessPartners\":[]}",
          "{\"a\":" + std::string(1'000'000, '9') + ",\"businessPartners\":[]}",
          "{\"a\":NaN,\"businessPartners\":[]}",
          "{'a':1}"};
}

/// Sends the record of one partner with as many members as a body can have. This may take a few seconds at
/// most.
Outcome WideRecords(Target& target) {
  const HttpVictim& victim = target.http();
  std::string record = "{";
  for (int i = 0; record.size() < 3'000'000; ++i)
    absl::StrAppend(&record, i == 0 ? "" : ",", "\"a", i, "\":0");
  const std::string wide = WithRecord(record + "}");
  Outcome all;
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 2; ++i) {
    const HttpSaid said = AskOnce(victim.door(), victim.Upsert({}, wide), kAttackPatience);
    AddOutcome({{said.name(true)}, said.body.substr(0, 200), ""}, &all);
    if (said.status == 200 && !absl::StrContains(said.body, "\"numberOfFailed\":1"))
      all.fault = "a record of some hundred thousand attributes was accepted";
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  all.words = absl::StrCat("it took ", took.count(), " s; ", all.words);
  return victim.Check(all);
}

/// Sends good and bad rows together: only the bad rows must fail.
Outcome BadRecords(Target& target) {
  const HttpVictim& victim = target.http();
  const std::string deep(100'000, '[');
  const std::vector<std::string> records = {
      "{\"a\":1,\"a\":2}", "{\"a\":\"\\u0000\"}", "{\"a\":" + deep, "{\"a\":\"\\udfff\"}", "[]", ""};
  Outcome all;
  for (const std::string& record : records) {
    const HttpSaid said = AskOnce(victim.door(), victim.Upsert({}, WithRecord(record)), kHttpPatience);
    AddOutcome(OutcomeOf(said), &all);
    if (said.status == 200 && !absl::StrContains(said.body, "\"numberOfFailed\":1") && all.fault.empty())
      all.fault = "an invalid record was accepted: " + record.substr(0, 40);
  }
  return victim.Check(all);
}

/// Requests paths that the door does not have.
Outcome Targets(Target& target) {
  const HttpVictim& victim = target.http();
  const std::string storage = "/v2/storages/" + victim.storage();
  const std::vector<std::string> targets = {
      storage + "%2Fdatasources", storage + "%2f..",           storage + "%00",
      "/v2/storages/%FF",         "/v2/storages/\xff",         "/v2/storages/%C0%AF",
      "/v2/storages/%",           "/v2/storages/%4",           "/v2/storages/%zz",
      "/v2/./storages",           "/v2/../v2/storages",        "//v2/storages",
      "/v2/storages/%2e%2e",      "/v2/storages/%0d%0aX:%20y", "/v2/storages/%7f",
      "/v2/storages?limit=%00",   "/v2/storages?limit=%FF",    "/v2/storages/%ed%a0%80"};
  Outcome all;
  const auto ask = [&](const std::string& what, const std::string& request) {
    Outcome outcome = OneAnswer(victim, request, /*closes=*/false);
    if (!outcome.got.contains("400")) outcome.fault = absl::StrCat(what, ": ", outcome.words);
    AddOutcome(outcome, &all);
  };
  for (const std::string& one : targets) ask(one, victim.Read(one));
  for (const char* const line :
       {"GET http://elsewhere/v2/storages", "OPTIONS *", "CONNECT elsewhere:443", "GET v2/storages"}) {
    ask(line,
        absl::StrCat(line, " HTTP/1.1\r\nHost: x\r\nX-API-KEY: ", victim.door().attackers_key, "\r\n\r\n"));
  }
  return all;
}

}  // namespace

std::vector<Attack> HttpContentAttacks() {
  return {
      {"deep-json", "JSON that is nested a million deep.", "400", Bodies(Deep)},
      {"small-objects", "4 MB of the smallest objects and numbers.", "400", Bodies(Small)},
      {"duplicate-members", "Duplicate members, of which two programs use different ones.", "400",
       Bodies(Duplicates)},
      {"no-json", "Bodies that are nearly JSON.", "400", Bodies(NoJson)},
      {"wide-record", "A record with as many members as a body holds.", "200", WideRecords},
      {"bad-records", "Records that are invalid, deep, have duplicates, or hold a NUL.", "200", BadRecords},
      {"targets", "Targets with %2F, %00, bytes that are not UTF-8, and the like.", "400", Targets},
  };
}

}  // namespace mirror::harness

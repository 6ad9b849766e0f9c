// Attacks by more calls, streams and tenants at the same time than are allowed.
#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/mirror_harness/attack/target.h"

namespace mirror::harness {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kThreads = 8;
constexpr int kTenants = 100;
constexpr char kServedOrFull[] = "OK|RESOURCE_EXHAUSTED";

/// Returns `count` clients of the victim, with a connection each.
std::vector<std::unique_ptr<MirrorClient>> Clients(const Target& target, int count) {
  std::vector<std::unique_ptr<MirrorClient>> clients;
  for (int i = 0; i < count; ++i) clients.push_back(target.NewClient(target.Tenant("victim")));
  return clients;
}

/// Calls `once` in `threads` threads again and again until the flood is over.
Outcome Flood(Target& target, int threads, const std::function<Outcome(int)>& once) {
  const auto end = Clock::now() + target.flood_time();
  std::atomic<std::uint64_t> times = 0;
  Outcome outcome = InParallel(threads, [&](int number) {
    Outcome all;
    while (Clock::now() < end) {
      AddOutcome(once(number), &all);
      ++times;
    }
    return all;
  });
  outcome.words = absl::StrCat(times.load(), " calls");
  return outcome;
}

Outcome ManyStreams(Target& target) {
  const absl::StatusOr<v1::AuthenticateResponse> probe = target.victim().Authenticate("x", false, true);
  if (!probe.ok()) return OutcomeOf(probe.status());
  const auto allowed = static_cast<std::size_t>(probe->limits().streams_per_tenant_max());
  v1::RowDataRequest nothing;
  nothing.set_cycle(target.cycle());
  std::vector<std::unique_ptr<RowStream>> streams;
  Outcome outcome;
  std::size_t refused = 0;
  for (std::size_t i = 0; i < allowed + 5; ++i) {
    absl::StatusOr<std::unique_ptr<RowStream>> stream = target.victim().OpenRowStream();
    if (!stream.ok()) return OutcomeOf(stream.status());
    (*stream)->Send(nothing).IgnoreError();
    const absl::Status status = (*stream)->Receive().status();
    streams.push_back(*std::move(stream));
    AddOutcome(OutcomeOf(status), &outcome);
    refused += status.ok() ? 0 : 1;
  }
  outcome.words = absl::StrCat(allowed, " are allowed, ", refused, " of ", allowed + 5, " were refused");
  if (refused != 5) outcome.fault = outcome.words;
  return outcome;
}

/// Opens streams without writing; the tenant's other calls must still work.
Outcome SilentStreams(Target& target) {
  std::vector<std::unique_ptr<RowStream>> streams;
  for (int i = 0; i < 20; ++i) {
    absl::StatusOr<std::unique_ptr<RowStream>> stream = target.victim().OpenRowStream();
    if (stream.ok()) streams.push_back(*std::move(stream));
  }
  return target.CheckVictim(OutcomeOf(target.victim().Authenticate("x", false, true).status()));
}

Outcome StreamFlood(Target& target) {
  const auto clients = Clients(target, kThreads);
  v1::RowDataRequest nothing;
  nothing.set_cycle(target.cycle());
  return target.CheckVictim(Flood(target, kThreads, [&](int number) {
    absl::StatusOr<std::unique_ptr<RowStream>> stream =
        clients[static_cast<std::size_t>(number)]->OpenRowStream();
    if (!stream.ok()) return OutcomeOf(stream.status());
    (*stream)->Send(nothing).IgnoreError();
    return OutcomeOf((*stream)->Receive().status());
  }));
}

/// Makes calls that wait for a batch that never comes.
Outcome GapFlood(Target& target) {
  v1::ChangeBatch batch = target.GoodBatch();
  batch.set_seq(5);
  const v1::RowDataRequest request = target.Request(batch);
  const auto clients = Clients(target, 4);
  Outcome outcome = InParallel(
      32, [&](int number) { return SendRows(*clients[static_cast<std::size_t>(number % 4)], request); });
  outcome.words = "32 calls at a time";
  return target.CheckVictim(outcome);
}

Outcome TokenFlood(Target& target) {
  return Flood(target, kThreads, [&](int) {
    TokenParts parts = target.Parts(TokenUse::kCall, target.Tenant("victim"));
    parts.kid = "\"nobody\"";
    return target.Call({"Bearer " + Signed(parts, *target.identity().key)}, target.channel());
  });
}

Outcome AuthenticateFlood(Target& target) {
  return Flood(target, kThreads, [&](int number) {
    return target.Authenticate(
        Signed(target.Parts(TokenUse::kAuthenticate, target.Tenant(absl::StrCat("flood-", number))),
               *target.identity().key));
  });
}

/// Probes tenants that do not exist, each with another name.
Outcome ProbeFlood(Target& target) {
  std::atomic<int> next = 0;
  return Flood(target, kThreads, [&](int) {
    MirrorClient client(target.channel(), target.identity(), target.Tenant(absl::StrCat("never-", next++)));
    return OutcomeOf(client.Authenticate("x", false, true).status());
  });
}

Outcome ManyTenants(Target& target) {
  std::atomic<int> next = 0;
  Outcome outcome = InParallel(kThreads, [&](int) {
    Outcome all;
    for (int i = next++; i < kTenants; i = next++) {
      const auto client = std::make_unique<MirrorClient>(target.channel(), target.identity(),
                                                         target.Tenant(absl::StrCat("t", i)));
      const absl::StatusOr<v1::AuthenticateResponse> admission = client->Authenticate("x", true, false);
      AddOutcome(OutcomeOf(admission.status()), &all);
      if (!admission.ok()) continue;
      v1::TableSchemaRequest request = target.Announcement();
      request.set_cycle(admission->cycle());
      AddOutcome(OutcomeOf(client->TableSchema(request).status()), &all);
    }
    return all;
  });
  outcome.words = absl::StrCat(kTenants, " new tenants with a cycle each");
  return outcome;
}

/// Sends requests of nearly the largest size that can be refused only after they were read.
Outcome LargeFlood(Target& target) {
  v1::ChangeBatch batch = target.GoodBatch();
  batch.mutable_columns(kName)->set_data(std::string(15 << 20, 'x'));
  const v1::RowDataRequest request = target.Request(batch);
  const auto clients = Clients(target, 4);
  return target.CheckVictim(Flood(
      target, 4, [&](int number) { return SendRows(*clients[static_cast<std::size_t>(number)], request); }));
}

Outcome DigestFlood(Target& target) {
  v1::DigestRangesRequest request;
  request.set_cycle(target.cycle());
  request.set_table("people");
  request.mutable_position()->set_lsn(10);
  request.mutable_position()->set_lineage("victim");
  for (int i = 0; i < 10'000; ++i) request.add_ranges()->add_first()->set_int_value(i);
  return target.CheckVictim(Flood(
      target, kThreads, [&](int) { return OutcomeOf(target.victim().DigestRanges(request).status()); }));
}

Outcome SchemaFlood(Target& target) {
  v1::TableSchemaRequest request = target.Announcement();
  for (int i = 0; i < 200; ++i) {
    *request.add_tables() = request.tables(0);
    // The endpoint refuses each of these tables, and has to write a reason for each.
    request.mutable_tables(i + 1)->set_name(absl::StrCat("_mirror_", i));
  }
  const Outcome outcome =
      Flood(target, kThreads, [&](int) { return OutcomeOf(target.victim().TableSchema(request).status()); });
  target.victim().TableSchema(target.Announcement()).status().IgnoreError();
  return target.CheckVictim(outcome);
}

}  // namespace

Theme FloodAttacks() {
  return {
      "floods",
      {
          {"streams-over-limit", "Five streams more than a tenant may have.", kServedOrFull, ManyStreams},
          {"streams-silent", "Twenty streams that send nothing; the tenant's other calls work.", "OK",
           SilentStreams},
          {"streams", "Streams that open and break, from eight connections.", kServedOrFull, StreamFlood},
          {"gaps", "Calls that wait for a batch which never comes.", "ABORTED|RESOURCE_EXHAUSTED", GapFlood},
          {"bad-tokens", "Calls with bad tokens, as fast as possible.", "UNAUTHENTICATED|UNAVAILABLE",
           TokenFlood},
          {"authenticate", "A legitimate source that authenticates all the time.", kServedOrFull,
           AuthenticateFlood},
          {"probes", "A legitimate source that probes tenants that do not exist.",
           "PERMISSION_DENIED|RESOURCE_EXHAUSTED", ProbeFlood},
          // UNAVAILABLE means that the system cannot open a mirror's file, here because the process has no
          // free file descriptor.
          {"tenants", "A legitimate source that makes a hundred tenants at once.",
           "OK|RESOURCE_EXHAUSTED|UNAVAILABLE", ManyTenants},
          {"large-messages", "Requests of 15 MB with an error at their end, four at a time.",
           "INVALID_ARGUMENT|RESOURCE_EXHAUSTED", LargeFlood},
          {"digests", "DigestRanges of 10,000 ranges, eight at a time.", kServedOrFull, DigestFlood},
          {"schemas", "TableSchema with 200 tables that must be refused, eight at a time.", kServedOrFull,
           SchemaFlood},
      },
  };
}

}  // namespace mirror::harness

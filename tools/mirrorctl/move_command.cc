// 'mirrorctl move': makes the steps of a move between two servers. Each step can be repeated.
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/human_text.h"
#include "base/printable.h"
#include "base/status_macros.h"
#include "base/text/text_table.h"
#include "tools/mirrorctl/admin_commands.h"

namespace mirror {
namespace {

/// Greatest number of copies, if the mirror changes during the move.
constexpr int kCopiesMax = 3;

std::string NewMoveId() {
  std::random_device device;
  return absl::StrCat(absl::Hex(device(), absl::kZeroPad8), absl::Hex(device(), absl::kZeroPad8));
}

/// Returns true if `address` is "host:port", as in an agent's [endpoint].
bool IsAddress(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  int port = 0;
  return colon != std::string::npos && colon > 0 && absl::SimpleAtoi(address.substr(colon + 1), &port) &&
         port > 0 && port <= 65'535 && address.find_first_of(" /@'\"") == std::string::npos;
}

/// Returns true if a retry would be useless.
bool IsRefusal(const absl::Status& status) {
  return absl::IsFailedPrecondition(status) || absl::IsInvalidArgument(status) ||
         absl::IsResourceExhausted(status);
}

/// Moves a mirror between two servers and reports the steps.
class ServerMove {
 public:
  ServerMove(MoveClient from, MoveClient to, const AdminRequest& request, Console& console)
      : from_(from), to_(to), request_(request), console_(console) {}

  void Run() {
    const absl::StatusOr<v1::MoveLook> here = from_.LookAtMove(request_.context_id);
    if (!here.ok()) return Fail(console_, here.status());
    here_ = *here;
    if (here_.phase() != v1::MOVE_PHASE_UNSPECIFIED && here_.to_place()) {
      return Refuse(
          "is being moved to another place: end that move first, with --place and --resume or --undo");
    }
    const bool goes = here_.phase() == v1::MOVE_PHASE_LEAVING || here_.phase() == v1::MOVE_PHASE_LEFT;
    if (request_.undo) return goes ? Undo() : NothingTo("undone");
    if (request_.resume) return goes ? GoOn() : NothingTo("resumed");
    Begin();
  }

 private:
  void Refuse(const std::string& why) {
    Fail(console_, absl::FailedPreconditionError(absl::StrCat("'", Name(), "' ", why)));
  }
  void NothingTo(const char* be) {
    Refuse(absl::StrCat("has no move to another server that could be ", be, ". Nothing was changed"));
  }
  std::string Name() const { return Printable(here_.context_id()); }
  /// Returns the address for sources: the address that they get already, else the typed one, else the first
  /// one.
  const std::string& Address() const {
    const bool told = here_.phase() == v1::MOVE_PHASE_LEFT && !here_.target().empty();
    return told || request_.address.empty() ? here_.target() : request_.address;
  }
  /// Returns the command that continues the move, or undoes it.
  std::string Again(const char* how) const {
    return absl::StrCat(
        "mirrorctl move ", ShellWord(here_.context_id()), " --to-config ", ShellWord(request_.to_config),
        request_.place.empty() ? "" : absl::StrCat(" --place ", ShellWord(request_.place)),
        request_.address.empty() ? "" : absl::StrCat(" --address ", ShellWord(request_.address)), " ", how);
  }
  void Say(const std::string& words) { console_.err << "mirrorctl: " << Printable(words) << '\n'; }

  void Begin() {
    if (here_.phase() != v1::MOVE_PHASE_UNSPECIFIED) {
      const bool left = here_.phase() == v1::MOVE_PHASE_LEFT;
      return Refuse(absl::StrCat("is part of a move already. Nothing was changed. '", Again("--resume"),
                                 left ? "' finishes it, or says where the mirror went; --undo undoes it as "
                                        "long as no cycle began there. After such a cycle, move it back from "
                                        "there"
                                      : "' continues it, --undo undoes it"));
    }
    if (const absl::Status room = to_.CheckRoom(here_, request_.place); !room.ok())
      return Fail(console_, room);
    here_.set_move_id(NewMoveId());
    const absl::Status begun = from_.BeginMove(here_.context_id(), here_.move_id(), request_.address);
    if (!begun.ok()) return IsRefusal(begun) ? Fail(console_, begun) : NotAnswered(begun);
    here_.set_phase(v1::MOVE_PHASE_LEAVING);
    begun_ = true;
    GoOn();
  }

  /// Reports that it is not known whether the move has begun. The old server may know it.
  void NotAnswered(const absl::Status& why) {
    const absl::StatusOr<v1::MoveLook> now = from_.LookAtMove(here_.context_id());
    if (now.ok() && now->move_id() == here_.move_id()) return Stopped(why);
    Fail(console_, why);
    Say(now.ok() ? absl::StrCat("the move did not begin: ", here_.context_id(), " is served here as before")
                 : absl::StrCat("if the move has begun, the source of ", here_.context_id(),
                                " must wait until '", Again("--resume"),
                                "' finishes the move, or the same command with --undo undoes it; if it has "
                                "not begun, both say so"));
  }

  void Stopped(const absl::Status& why) {
    Fail(console_, why);
    Say(absl::StrCat("the source of ", here_.context_id(), " must wait until '", Again("--resume"),
                     "' finishes the move, or the same command with --undo undoes it"));
  }

  void GoOn() {
    if (here_.phase() == v1::MOVE_PHASE_LEFT) return Arrive();
    absl::Status left = absl::AbortedError("");
    for (int i = 0; i < kCopiesMax && absl::IsAborted(left); ++i) left = CopyAndLeave();
    if (!left.ok()) return IsRefusal(left) ? GiveUp(left) : Stopped(left);
    Arrive();
  }

  /// Ends the move because one side refuses a step, so that the source can replicate again. A move that
  /// another command began stays unchanged: its copy may be at another server than this --to-config.
  void GiveUp(const absl::Status& why) {
    if (!begun_) return Stopped(why);
    const absl::StatusOr<v1::MoveLook> there = to_.LookAtMove(here_.context_id());
    if (!there.ok() && !absl::IsNotFound(there.status())) return Stopped(why);
    const bool is_ours = there.ok() && there->move_id() == here_.move_id();
    if (is_ours && !Drop().ok()) return Stopped(why);
    if (!from_.Stay(here_.context_id(), here_.move_id()).ok()) return Stopped(why);
    Fail(console_, why);
    Say(absl::StrCat("the move was undone: ", here_.context_id(), " is served here as before"));
  }

  /// Copies the mirror, and leaves the old server. If a copy is already at the new server, it is compared,
  /// and copied again if it differs.
  absl::Status CopyAndLeave() {
    const absl::StatusOr<v1::MoveLook> there = to_.LookAtMove(here_.context_id(), /*with_contents=*/false);
    if (!there.ok() && !absl::IsNotFound(there.status())) return there.status();
    const bool is_ours = there.ok() && there->move_id() == here_.move_id();
    // An earlier copy may be at another place than the one given now.
    const bool is_elsewhere = is_ours && !request_.place.empty() && there->place() != request_.place;
    std::string contents;
    if (is_ours && !is_elsewhere && there->phase() == v1::MOVE_PHASE_ARRIVING) {
      const absl::StatusOr<v1::MoveLook> full = to_.LookAtMove(here_.context_id(), /*with_contents=*/true);
      if (!full.ok()) return full.status();
      contents = full->contents();
    } else {
      if (is_ours) RETURN_IF_ERROR(Drop());
      // --to-config or the configuration there may have changed since the move began.
      RETURN_IF_ERROR(to_.CheckRoom(here_, request_.place));
      ASSIGN_OR_RETURN(contents, Copy());
    }
    v1::LeaveMoveRequest leave;
    leave.set_context_id(here_.context_id());
    leave.set_move_id(here_.move_id());
    leave.set_contents(contents);
    leave.set_address(Address());
    absl::Status left = from_.Leave(leave);
    if (!absl::IsAborted(left)) return left;
    RETURN_IF_ERROR(Drop());
    return left;
  }

  absl::StatusOr<std::string> Copy() {
    v1::ImportHeader header;
    header.set_context_id(here_.context_id());
    header.set_move_id(here_.move_id());
    header.set_place(request_.place);
    std::uint64_t bytes = 0;
    absl::StatusOr<v1::ImportMirrorResponse> copied = to_.ImportFrom(from_, header, [&](std::uint64_t all) {
      bytes = all;
      if (console_.terminal) console_.err << "\rcopied " << SizeText(all) << "  " << std::flush;
    });
    if (console_.terminal && bytes > 0) console_.err << "\r\033[K";
    if (!copied.ok()) return copied.status();
    if (!copied->kept_path().empty()) {
      Say(absl::StrCat("an earlier mirror that had left that server is kept there as ", copied->kept_path()));
    }
    if (copied->left_out_size() > 0) {
      Say(absl::StrCat("not moved: ", absl::StrJoin(copied->left_out(), ", ")));
    }
    return std::move(*copied->mutable_contents());
  }

  void Arrive() {
    absl::Status arrived = to_.Arrive(here_.context_id(), here_.move_id());
    if (absl::IsFailedPrecondition(arrived)) {
      // The last step may have succeeded, with only its answer lost.
      const absl::StatusOr<v1::MoveLook> there = to_.LookAtMove(here_.context_id());
      if (there.ok() && IsServed(*there)) arrived = absl::OkStatus();
      if (there.ok() && there->phase() == v1::MOVE_PHASE_DROPPING && there->move_id() == here_.move_id()) {
        return Refuse(absl::StrCat("is being taken back from the new server. Nothing was changed. '",
                                   Again("--undo"), "' finishes that"));
      }
    }
    if (!arrived.ok()) return Stopped(arrived);
    console_.out << Name() << " is moved and is served by the new server: give its agent "
                 << (Address().empty() ? "the new server's address" : Printable(Address()))
                 << " as [endpoint] 'address'\n"
                 << "The old mirror stays here and accepts nothing until you remove it with 'mirrorctl "
                    "delete "
                 << Printable(ShellWord(here_.context_id())) << " --confirm "
                 << Printable(ShellWord(here_.context_id())) << "'.\n";
  }

  /// Returns true if `there` is the tenant that left and is served now. It is recognised by its issuer and
  /// environment.
  bool IsServed(const v1::MoveLook& there) const {
    return there.phase() == v1::MOVE_PHASE_UNSPECIFIED && there.issuer() == here_.issuer() &&
           there.environment() == here_.environment();
  }

  absl::Status Drop() {
    v1::DropMoveRequest drop;
    drop.set_context_id(here_.context_id());
    drop.set_move_id(here_.move_id());
    drop.set_contents(here_.left_contents());
    return to_.Drop(drop);
  }

  void Undo() {
    const absl::StatusOr<v1::MoveLook> there = to_.LookAtMove(here_.context_id());
    if (!there.ok() && !absl::IsNotFound(there.status())) return Fail(console_, there.status());
    // Another mirror of the same context id at the new server does not belong to this move.
    const bool left = here_.phase() == v1::MOVE_PHASE_LEFT;
    const bool is_ours =
        !there.ok() || there->move_id() == here_.move_id() || (left && there->move_id().empty());
    if (is_ours) {
      // This is done even if no copy is there yet: a copy of an interrupted command may still be arriving.
      if (const absl::Status dropped = Drop(); !dropped.ok()) return Fail(console_, dropped);
    } else if (left) {
      return Refuse(
          "was moved, but is not at the server of --to-config: name the server to which it was moved. "
          "Nothing was changed");
    }
    if (const absl::Status stayed = from_.Stay(here_.context_id(), here_.move_id()); !stayed.ok()) {
      return Fail(console_, stayed);
    }
    console_.out << Name()
                 << " is served here as before; an agent that was given the other address needs the "
                 << "old one again\n";
  }

  MoveClient from_;
  MoveClient to_;
  const AdminRequest& request_;
  Console& console_;
  v1::MoveLook here_;
  bool begun_ = false;  ///< This command began the move.
};

/// Returns, after a move without an answer, the state at the server and the command that continues.
std::string WhereItStands(MoveClient client, const AdminRequest& request) {
  const std::string command = absl::StrCat("'mirrorctl move ", ShellWord(request.context_id), " --place ",
                                           ShellWord(request.place), " --resume'");
  const absl::StatusOr<v1::MoveLook> look = client.LookAtMove(request.context_id);
  if (!look.ok()) {
    return absl::StrCat("if the move has begun, ", command,
                        " finishes it, or says that it is finished; the same command with --undo undoes it, "
                        "as long as the mirror is not served from the new place");
  }
  if (look->phase() != v1::MOVE_PHASE_UNSPECIFIED) {
    return absl::StrCat("the move is under way, and the source of ", look->context_id(), " must wait until ",
                        command, " finishes it, or the same command with --undo undoes it");
  }
  if (look->place() == request.place) {
    return absl::StrCat(look->context_id(), " is in the place ", look->place(),
                        " now, and is served from there");
  }
  return absl::StrCat("the move did not begin, or was undone: ", look->context_id(),
                      " is served from the place ", look->place(), " as before");
}

void MoveToPlace(AdminClient& admin, const AdminRequest& request, Console& console) {
  v1::MoveToPlaceRequest message;
  message.set_context_id(request.context_id);
  message.set_place(request.place);
  message.set_resume(request.resume);
  message.set_undo(request.undo);
  MoveClient client(admin);
  const absl::StatusOr<v1::MoveToPlaceResponse> answer = client.MoveToPlace(message);
  if (!answer.ok()) {
    Fail(console, answer.status());
    // Without an answer it is not known which steps were made.
    if (absl::IsUnavailable(answer.status()) || absl::IsDeadlineExceeded(answer.status()))
      SayNone(console, Printable(WhereItStands(client, request)));
    return;
  }
  const std::string name = Printable(answer->context_id());
  if (request.undo) {
    console.out << name << " is served from its place as before\n";
    return;
  }
  console.out << name << " is in the place " << Printable(request.place)
              << " now, and is served from there\n";
  if (!answer->kept_path().empty()) {
    console.out << "The schema that it left is kept as " << Printable(answer->kept_path())
                << ", until somebody drops it.\n";
  }
  if (answer->left_out_size() > 0)
    SayNone(console, absl::StrCat("not moved: ", absl::StrJoin(answer->left_out(), ", ")));
}

void Move(AdminClient& admin, const AdminRequest& request, Console& console) {
  if (request.to_config.empty()) return MoveToPlace(admin, request, console);
  const absl::StatusOr<ControlConfig> config = LoadControlConfig(request.to_config, ControlUse::kMoveTarget);
  absl::StatusOr<std::unique_ptr<AdminClient>> to =
      config.ok() ? AdminClient::Open(*config)
                  : absl::StatusOr<std::unique_ptr<AdminClient>>(config.status());
  if (!to.ok()) {
    Fail(console, to.status());
    console.exit_code = Console::kWrongUsage;
    return;
  }
  ServerMove(MoveClient(admin), MoveClient(**to), request, console).Run();
}

}  // namespace

void AddMoveCommand(const AdminCommands& commands) {
  const std::shared_ptr<AdminRequest>& request = commands.request;
  const cli::Command move =
      commands.Add("move",
                   "Move a mirror unchanged to another server, or to another place of PostgreSQL; no table "
                   "is populated again",
                   "Cust26759 --to-config /etc/other/mirrorctl.toml --address mirror2.example:7443", Move);
  commands.AddContext(move, true);
  const cli::Option to = move.Add("--to-config", request->to_config, "mirrorctl.toml of the other server");
  to.ValueName("FILE").Completes(cli::Besides::kFiles);
  const cli::Option place =
      move.Add("--place", request->place,
               "Name of the place, in the server's configuration, to which the mirror moves")
          .ValueName("NAME");
  const cli::Option address =
      move.Add("--address", request->address,
               "With --to-config: the other server's address for sources; the sources are told it")
          .ValueName("HOST:PORT");
  move.AddFlag("--resume", request->resume, "Continue a move that was not finished");
  move.AddFlag("--undo", request->undo, "Undo a move, as long as no cycle began at the new side");
  move.Check([request_ = request, to, place, address]() -> std::string {
    if (!to.given() && !place.given()) return "give --to-config, --place, or both";
    if (address.given() && !to.given()) return "--address is for --to-config";
    if (address.given() && !IsAddress(request_->address)) return "--address is host:port";
    if (request_->resume && request_->undo) return "give either --resume or --undo";
    return "";
  });
}

}  // namespace mirror

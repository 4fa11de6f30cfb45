//! The machines' refusals in the words of the hub.

use crate::access::Refusal;
use crate::calls::{call, queue};

pub(super) fn gone() -> Refusal {
    Refusal::conflict("calls.ended", "该通话已结束")
}

pub(super) fn not_an_agent() -> Refusal {
    Refusal::conflict("calls.not_an_agent", "当前人员不是坐席：请由管理员分配坐席岗位和分机")
}

pub(super) fn nobody_free() -> Refusal {
    Refusal::conflict("calls.nobody_free", "该队列当前没有空闲坐席，请改选分机、号码或其他队列").field("/to")
}

pub(super) fn bad_number() -> Refusal {
    Refusal::invalid("calls.bad_number", "请填写分机号或电话号码").field("/to")
}

/// The queue machine's refusals in the words of the hub.
pub(super) fn queue_refusal(refusal: queue::Refusal) -> Refusal {
    use queue::Refusal as R;
    match refusal {
        R::NotAnAgent => not_an_agent(),
        R::NotInWrapUp => Refusal::conflict("calls.not_in_wrap_up", "当前不在话后整理中"),
        R::TooLong => Refusal::invalid("calls.wrap_up_too_long", "每次最多延长十分钟").field("/minutes"),
        R::NotWaiting => Refusal::conflict("calls.not_waiting", "该来电已不在排队"),
        R::NoReason => Refusal::invalid("calls.no_reason", "请说明调整排队次序的理由").field("/reason"),
        R::NotReady => Refusal::conflict("calls.agent_not_ready", "对方坐席当前不空闲，请选择空闲的坐席"),
        R::NoPhone => Refusal::conflict("calls.no_phone", "话机未注册：请先登录话机或软电话，再示闲"),
    }
}

/// A call's refusals in the words of the hub.
pub(super) fn call_refusal(refusal: call::Refusal) -> Refusal {
    use call::Refusal as R;
    match refusal {
        R::NotInCall => Refusal::forbidden("calls.not_in_call", "您不在该通话中").who_may("正在通话的坐席"),
        R::Transferring => Refusal::conflict("calls.transferring", "正在转接：请取消或等待转接结束"),
        R::NoTransfer => Refusal::conflict("calls.no_transfer", "没有可取消的转接"),
        R::Consulting => Refusal::conflict("calls.consulting", "正在咨询：请先完成转接、取消咨询或转为三方通话"),
        R::NoConsult => Refusal::conflict("calls.no_consult", "当前没有您发起的咨询"),
        R::NotAnswered => Refusal::conflict("calls.not_answered", "咨询对象尚未接听：请等待、取消，或改用盲转"),
        R::InConference => Refusal::conflict("calls.in_conference", "三方通话中不能进行该操作：请先让其中一方退出"),
        R::Already => Refusal::conflict("calls.already", "通话已处于该状态"),
        R::TooManyLegs => Refusal::conflict("calls.too_many_legs", "该通话转接次数过多"),
        R::Ended => gone(),
    }
}

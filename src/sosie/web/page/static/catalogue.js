// Jobs tell how far they are; columns that are corrected are read anew at once.
for (const row of document.querySelectorAll("[data-job]")) {
  const [bar, stage] = [row.querySelector("progress"), row.querySelector(".stage-name")];
  const told = new EventSource(`/v1/jobs/${row.dataset.job}`);
  told.addEventListener("progress", ({ data }) => {
    const job = JSON.parse(data);
    stage.textContent = job.stage;
    if (job.total) [bar.max, bar.value] = [job.total, job.done];
    else bar.removeAttribute("value");
  });
  for (const end of ["done", "failed", "lost"])
    told.addEventListener(end, () => {
      told.close();
      location.reload();
    });
}

document.getElementById("columns")?.addEventListener("change", ({ currentTarget }) => {
  for (const one of currentTarget.querySelectorAll("select")) one.disabled = !one.value; // a short address
  currentTarget.submit();
});
